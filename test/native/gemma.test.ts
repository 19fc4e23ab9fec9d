/**
 * A real model most of whose layers attend within a sliding window of 512 tokens (Gemma 3 270M): paths longer than the window
 * are branched from early, joined and put back, against fresh prefills. Its weights are quantised, so an equal text read in
 * another order of cells differs, too: `NOISE` is three times that. Without the cells that left the window, the difference is 1.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  loadAddon,
  type ContextOptions,
  type NativeContext,
  type NativeModel,
  type NativeToken,
} from '../../engine/native/load.ts'
import { gemma3 } from '../support/models.ts'
import { fill, read, run, stream } from './support.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 })

const NOISE = 0.3
/** Returns the mean difference of logprobs; the largest one is mostly noise. */
function difference(a: readonly NativeToken[], b: readonly NativeToken[]): number {
  const apart = a.map(({ logprob }, i) => Math.abs(logprob! - b[i]!.logprob!))
  return apart.reduce((sum, one) => sum + one, 0) / apart.length
}

describe('Gemma 3 270M', () => {
  let model: NativeModel
  let text: number[]
  beforeAll(async () => {
    model = await loadAddon().openModel({ path: await gemma3(), device: 'cpu', gpuLayers: 0 }).done
    const docs = join(import.meta.dirname, '../../docs')
    const prose = ['method.md', 'architecture.md', 'transcript.md']
      .map((name) => readFileSync(join(docs, name), 'utf8'))
      .join('\n')
    text = [...model.tokenize(prose, { special: false, bos: true })]
    expect(text.length).toBeGreaterThan(2600)
    early = await fresh(AT)
    late = await fresh(LONG)
  })
  afterAll(() => model.close())

  const contextOf = (options: Partial<ContextOptions> = {}) =>
    model.createContext({
      cells: 2048,
      sequences: 10,
      kvType: 'f16',
      flashAttention: 'on',
      threads: 2,
      ...options,
    })
  const PROMPT = 40
  const LONG = 600
  const SHORT = 150
  const AT = 100
  /** The prompt in 0, and behind it a path longer than the window in 1, a shorter one in 2. */
  async function paths(): Promise<NativeContext> {
    const context = await contextOf()
    await fill(context, 0, text.slice(0, PROMPT))
    for (const [seq, first, end] of [
      [1, PROMPT, PROMPT + LONG],
      [2, 2000, 2000 + SHORT],
    ] as const) {
      await context.copy(0, seq)
      await fill(context, seq, text.slice(first, end))
    }
    return context
  }
  /** What a fresh context says of 30 tokens of the text after the first `n` of path 1. */
  async function fresh(n: number): Promise<NativeToken[]> {
    const context = await contextOf()
    await fill(context, 0, text.slice(0, PROMPT + n))
    const records = await read(context, 0, text.slice(PROMPT + n, PROMPT + n + 30))
    await context.free()
    return records
  }
  let early: NativeToken[]
  let late: NativeToken[]
  async function branch(context: NativeContext, from: number, n: number): Promise<NativeToken[]> {
    await context.copy(from, 9, PROMPT + n)
    const records = await read(context, 9, text.slice(PROMPT + n, PROMPT + n + 30))
    await context.remove(9)
    return records
  }

  it('moves cells, and counts them in both kinds of layers', async () => {
    const context = await contextOf()
    expect(model.info.cannotJoin).toBeUndefined()
    expect(context.info.canShift).toBe(true)
    await context.free()
  })

  it('an early branch of a path longer than the window finds its cells, also after a shift', async () => {
    const context = await paths()
    expect(difference(await branch(context, 1, AT), early)).toBeLessThan(NOISE)
    // After a shift llama.cpp looks for free cells from the start of the cache, where the path's first cells are.
    await context.shift(2, PROMPT, 700)
    await fill(context, 3, text.slice(0, 200))
    expect(difference(await branch(context, 1, AT), early)).toBeLessThan(NOISE)
    expect(difference(await branch(context, 1, LONG), late)).toBeLessThan(NOISE)
    await context.shift(2, PROMPT + 700, -700)
    await context.free()
  })

  it.each(['move', 'copy'] as const)(
    'paths longer than the window are joined by a %s and put back',
    async (place) => {
      const context = await paths()
      const words = text.slice(2500, 2520)
      const { ended } = await run(context, [
        stream({
          id: 5,
          seq: 5,
          thought: -1,
          forced: words,
          budget: 40,
          parts: [
            { from: 0, end: PROMPT - 2 },
            { tokens: text.slice(2400, 2410), thought: -1 },
            { from: 1, start: PROMPT, place },
            { tokens: text.slice(2410, 2420), thought: -1 },
            { from: 2, start: PROMPT, place },
          ],
        }),
      ])
      expect(ended.get(5)!.reason).toBe('budget')
      const offset = PROMPT - 2 + 10
      if (place === 'move') {
        // The join holds the cells, so the path gets its own.
        await context.copy(0, 6)
        await context.copyMoved(1, 6, offset, PROMPT - offset)
      }
      const from = place === 'move' ? 6 : 1
      expect(difference(await branch(context, from, AT), early)).toBeLessThan(NOISE)
      expect(difference(await branch(context, from, LONG), late)).toBeLessThan(NOISE)
      await context.free()
    },
  )

  it('without the full-size cache, a part of a sequence is refused', async () => {
    const size = { cells: 4096, sequences: 3, batch: 64 }
    const context = await contextOf({ ...size, swaFull: false })
    const full = await contextOf(size)
    expect(context.info.canShift).toBe(false)
    expect(context.info.kvBytes).toBeLessThan(full.info.kvBytes / 1.3)
    await fill(context, 0, text.slice(0, PROMPT))
    await context.copy(0, 1)
    await expect(context.copy(0, 2, PROMPT - 1)).rejects.toMatchObject({ code: 'cannot-join' })
    await expect(context.shift(1, 0, 5)).rejects.toMatchObject({ code: 'cannot-join' })
    await full.free()
    await context.free()
  })
})
