import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NativeModel } from '../../engine/native/types.ts'
import { cutToFit, rereadSource, type FusionModel } from '../../engine/prompt/index.ts'
import type { Segment } from '../../engine/protocol/fold.ts'
import { pathId, type Part } from '../../engine/protocol/segments.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'

/** Returns a model whose tokens are characters, with `pairs` pairs of control tokens. */
const model = (pairs: number): FusionModel => ({
  native: { info: { addBos: false, bos: -1, metadata: {} } } as unknown as NativeModel,
  plain: (text) => [...text].map((character) => character.codePointAt(0)!),
  tokens: { pairs: Array.from({ length: pairs }, () => ({ open: 1, close: 2 })) } as never,
})

/** Returns paths whose tokens all differ: CJK characters, which no prompt contains. */
const pathsOf = (lengths: readonly number[]) =>
  lengths.map((length, i) => {
    const ids = Array.from({ length }, (_, k) => 0x4e00 + i * 400 + k)
    return {
      segment: pathId(i + 1),
      thought: i + 1,
      text: String.fromCodePoint(...ids),
      tokens: TokenList.from(ids.map((id) => ({ id, text: '', logprob: null, entropy: null }))),
    } as Segment
  })

const read = async (pairs: number, paths: readonly Segment[], room: number): Promise<Part[]> => {
  const source = await rereadSource(
    model(pairs),
    paths,
    {
      problem: 'p',
      conversation: [],
      settings: resolveSettings({}, { metadata: {}, nativePaths: 0 }),
      prompt: [1, 2, 3],
      room,
    },
    new AbortController().signal,
  )
  return (source as { parts: Part[] }).parts
}
type Quoted = { tokens: number[]; of?: string; removed?: number; thought?: number }
const quotedOf = (parts: Part[]) => parts.filter((part) => 'of' in part) as unknown as Quoted[]
const lengthsArb = fc.array(fc.integer({ min: 0, max: 399 }), { minLength: 1, maxLength: 8 })

describe('texts that are read again', () => {
  it.each([
    ['tokens behind the prompt', 8, 0],
    ['quoted in a fresh prompt', 0, '\n[...]\n'.length],
  ] as const)(
    '%s: what fits is kept, else the longest lose their middle and come to one length',
    async (_, pairs, gap) => {
      await fc.assert(
        fc.asyncProperty(lengthsArb, fc.integer({ min: 200, max: 3000 }), async (lengths, room) => {
          fc.pre(room >= lengths.length * (16 + gap))
          const paths = pathsOf(lengths)
          const whole = await read(pairs, paths, Infinity)
          const total = lengths.reduce((sum, length) => sum + length, 0)
          const frame =
            whole.reduce(
              (sum, part) => sum + ('tokens' in part ? (part.tokens as number[]).length : 3),
              0,
            ) - total
          const kept = quotedOf(await read(pairs, paths, room + frame))
          expect(kept.map(({ of }) => of)).toEqual(paths.map(({ segment }) => segment))
          expect(kept.reduce((sum, { tokens }) => sum + tokens.length, 0)).toBeLessThanOrEqual(room)
          if (total <= room) expect(kept).toEqual(quotedOf(whole))
          for (const [i, { tokens, removed = 0 }] of kept.entries()) {
            const before = paths[i]!.tokens.slice().map(({ id }) => id!)
            const own = tokens.filter((id) => id >= 0x4e00)
            expect(own).toHaveLength(before.length - removed)
            if (removed === 0) continue
            const head = Math.ceil(own.length / 2)
            expect(own).toEqual([
              ...before.slice(0, head),
              ...before.slice(before.length - (own.length - head)),
            ])
            for (const [k, length] of lengths.entries())
              if (length >= lengths[i]!)
                expect(kept[k]!.tokens.length).toBeGreaterThanOrEqual(tokens.length)
          }
        }),
        { numRuns: 60 },
      )
    },
  )

  it('stand behind the prompt each under its thought, or in an order that words number', async () => {
    const paths = pathsOf([3, 2])
    expect(await read(8, paths, Infinity)).toEqual([
      { prompt: true },
      { tokens: [0x4e00, 0x4e01, 0x4e02], of: 'p1', thought: 1 },
      { tokens: [0x4e00 + 400, 0x4e01 + 400], of: 'p2', thought: 2 },
    ])
    const text = (await read(0, paths, Infinity))
      .map((part) => String.fromCodePoint(...(part.tokens as number[])))
      .join('')
    expect(text).toContain(
      `\nAttempt 1:\n${paths[0]!.text}\nAttempt 2:\n${paths[1]!.text}\n\nCompare the attempts`,
    )
    expect(text.startsWith('p\n\nHere are 2 independent attempts')).toBe(true)
  })
})

describe('cutToFit', () => {
  it('says how much room is needed where there is none', () => {
    expect(() => cutToFit([50], 10, 2)).toThrowError(
      expect.objectContaining({
        code: 'context-too-small',
        message: expect.stringMatching(/room for 18 tokens.*10 are left/) as string,
      }) as Error,
    )
  })
})
