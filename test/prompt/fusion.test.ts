import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { summaryCells, wordsAround } from '../../engine/kv/index.ts'
import type { NativeModel } from '../../engine/native/types.ts'
import {
  cutToFit,
  joinSource,
  rereadSource,
  type Asking,
  type FusionModel,
  type JoinRequest,
} from '../../engine/prompt/index.ts'
import { instructionFor, languageOf, usualInstructions } from '../../engine/protocol/instruction.ts'
import type { Segment } from '../../engine/protocol/fold.ts'
import { pathId, type Part } from '../../engine/protocol/segments.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'

const ASKING: Asking = {
  language: 'en',
  instruction: instructionFor('value', 'p'),
}
const NO_THOUGHT = { opens: [], closes: [], expected: false }

const charactersOf = (text: string) => [...text].map((one) => one.codePointAt(0)!)

/** Returns a model whose tokens are characters, with `pairs` pairs of control tokens. */
const model = (pairs: number, thought: FusionModel['thought'] = NO_THOUGHT): FusionModel => ({
  native: {
    info: { addBos: false, bos: -1, metadata: {} },
    tokenBytes: (id: number) => Buffer.from(String.fromCodePoint(id)),
  } as unknown as NativeModel,
  thought,
  plain: charactersOf,
  encode: charactersOf,
  guard: (text) => text,
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
      tokens: TokenList.from(
        ids.map((id) => ({ id, text: String.fromCodePoint(id), logprob: null, entropy: null })),
      ),
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
      asking: ASKING,
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

describe('cells that are joined one behind another', () => {
  const text = (tokens: unknown) => String.fromCodePoint(...(tokens as number[]))
  const join = async (
    paths: readonly Segment[],
    more: Partial<JoinRequest> = {},
    thought = NO_THOUGHT as FusionModel['thought'],
  ): Promise<Part[]> => {
    const request: JoinRequest = {
      problem: 'the problem',
      conversation: [],
      settings: resolveSettings({}, { metadata: {}, nativePaths: 0 }),
      asking: ASKING,
      prompt: [...'the problem'].map((one) => one.codePointAt(0)!),
      room: Infinity,
      cells: Infinity,
      copies: () => false,
      ...more,
    }
    const source = await joinSource(model(0, thought), paths, request, new AbortController().signal)
    expect(source).toMatchObject({ type: 'join', layout: 'consecutive' })
    return (source as { parts: Part[] }).parts
  }
  const words = (parts: Part[]) =>
    parts.flatMap((part) => ('tokens' in part ? [text(part.tokens)] : []))
  const joined = (parts: Part[]) =>
    parts.filter((part) => 'segment' in part) as unknown as {
      segment: string
      from?: number
      to: number
      removed?: number
      unfinished?: true
    }[]

  it('stand between the words of a re-reading, behind the prompt as far as both begin alike', async () => {
    const paths = pathsOf([3, 2])
    const parts = await join(paths)
    expect(parts[0]).toEqual({ prompt: true, to: 11 })
    expect(words(parts)).toEqual([
      '\n\nHere are 2 independent attempts at this problem. Each may contain mistakes.\n\nAttempt 1:\n',
      '\nAttempt 2:\n',
      `\n\n${ASKING.instruction}`,
    ])
    expect(joined(parts)).toEqual([
      { segment: 'p1', to: 3 },
      { segment: 'p2', to: 2 },
    ])
    const reread = (await read(0, paths, Infinity)).map((part) =>
      'of' in part ? part.of : text((part as { tokens: unknown }).tokens),
    )
    const flat = parts.map((part) =>
      'segment' in part ? part.segment : 'tokens' in part ? text(part.tokens) : 'p',
    )
    expect([`${flat[0] as string}${flat[1] as string}`, ...flat.slice(2)]).toEqual(reread)
    const other = await join(paths, { prompt: [...'the prompt'].map((one) => one.codePointAt(0)!) })
    expect(other[0]).toEqual({ prompt: true, to: 7 })
    expect(words(other)[0]!.startsWith('blem\n\nHere are')).toBe(true)
  })

  it('take no more words than are reserved for them, whatever the tokenizer', async () => {
    for (const count of [1, 2, 12, 64])
      for (const instruction of usualInstructions()) {
        const thought = { opens: [], closes: [{ text: '</think>', id: 1 }], expected: true }
        const settings = resolveSettings({ tail: 1 }, { metadata: {}, nativePaths: 0 })
        const asking: Asking = { language: languageOf(instruction), instruction }
        const parts = await join(
          pathsOf(Array.from({ length: count }, () => 3)),
          { settings, asking },
          thought,
        )
        const reserved = {
          promptTokens: 11,
          paths: count,
          summaries: 1,
          summaryBudget: 0,
          copied: 0,
        }
        expect(Buffer.byteLength(words(parts).join(''))).toBeLessThanOrEqual(
          summaryCells({ ...reserved, words: wordsAround(settings), reading: 'consecutive' }),
        )
      }
  })

  it('obey an instruction of the run’s own', async () => {
    const asking: Asking = { language: 'en', instruction: 'Be brief.' }
    expect(words(await join(pathsOf([3]), { asking })).at(-1)).toBe('\n\nBe brief.')
    const counted = { ...asking, counts: 'Answers: 5 (2).' }
    expect(words(await join(pathsOf([3]), { asking: counted })).at(-1)).toBe(
      '\n\nAnswers: 5 (2).\n\nBe brief.',
    )
  })

  it('are introduced in the language of the question', async () => {
    const instruction = instructionFor('text', '为什么天是蓝的')
    const parts = await join(pathsOf([3, 2]), { asking: { language: 'zh', instruction } })
    expect(words(parts).slice(0, 2)).toEqual([
      '\n\n下面是对这个问题的 2 次独立尝试，每次都可能有错误。\n\n尝试1：\n',
      '\n尝试2：\n',
    ])
    expect(words(parts).at(-1)).toBe(`\n\n${instruction}`)
  })

  it('lose their beginning where they do not fit: positions by all, cells by those that are copied', async () => {
    await fc.assert(
      fc.asyncProperty(
        lengthsArb,
        fc.integer({ min: 0, max: 2000 }),
        fc.integer({ min: 0, max: 2000 }),
        fc.func(fc.boolean()),
        async (lengths, spare, cells, copies) => {
          const least = lengths.length * (16 + '[...]\n'.length)
          fc.pre(spare >= least && cells >= least)
          const paths = pathsOf(lengths.map((length) => length + 1))
          const whole = await join(paths)
          const frame = words(whole).join('').length
          const parts = await join(paths, {
            room: 11 + frame + spare,
            cells: frame + cells,
            copies: ({ segment }) => copies(segment),
          })
          expect(joined(parts).map(({ segment }) => segment)).toEqual(
            paths.map(({ segment }) => segment),
          )
          const taken = joined(parts).map(({ from = 0, to }) => to - from)
          const sum = (list: number[]) => list.reduce((a, b) => a + b, 0)
          const spoken = words(parts).join('').length
          expect(11 + spoken + sum(taken)).toBeLessThanOrEqual(11 + frame + spare)
          const copied = joined(parts).map(({ segment, from = 0, to }) =>
            from > 0 || copies(segment) ? to - from : 0,
          )
          expect(spoken + sum(copied)).toBeLessThanOrEqual(frame + cells)
          for (const [i, { from = 0, to, removed = 0 }] of joined(parts).entries()) {
            expect([to, from]).toEqual([paths[i]!.tokens.length, removed])
            expect(words(parts)[i]!.endsWith('[...]\n')).toBe(removed > 0)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('say how much room they need where there is none', async () => {
    await expect(join(pathsOf([50, 50]), { room: 220 })).rejects.toMatchObject({
      code: 'context-too-small',
      detail: { detail: 'context-too-small/join', params: { paths: 2, least: 32 } },
    })
  })

  it('are what follows a thought; a path cut before gives its tail and is called unfinished', async () => {
    const [done, open] = pathsOf([40, 40]) as [Segment, Segment]
    const CLOSE = 0x4e00 + 29 // the 30th token of the first path
    const thought = { opens: [], closes: [{ text: '</think>', id: CLOSE }], expected: true }
    const settings = resolveSettings({ tail: 7 }, { metadata: {}, nativePaths: 0 })
    const parts = await join([done, open], { settings }, thought)
    expect(joined(parts)).toEqual([
      { segment: 'p1', from: 30, to: 40 },
      { segment: 'p2', from: 33, to: 40, unfinished: true },
    ])
    expect(words(parts)[0]!.endsWith('Attempt 1:\n')).toBe(true)
    expect(words(parts)[1]).toBe('\nAttempt 2 (unfinished):\n[...]\n')
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
