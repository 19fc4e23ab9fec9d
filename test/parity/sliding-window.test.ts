/**
 * Layers that attend within a sliding window, in a tiny Gemma 2 with F32 cells: paths longer than the window are branched from
 * early, joined and put back, against fresh prefills, CPU. test/native/gemma.test.ts does so with a real model.
 */
import { describe, expect, it } from 'vitest'
import type { NativeContext, NativeModel, NativeToken } from '../../engine/native/load.ts'
import { fill, read } from '../native/support.ts'
import { u32 } from '../support/gguf-writer.ts'
import { Random } from '../support/random.ts'
import { tinyModel } from '../support/tiny-models.ts'
import { decode, EXACT, makeContext, open, randomTokens, stream } from './harness.ts'

const largest = (a: readonly NativeToken[], b: readonly NativeToken[]) =>
  Math.max(...a.map(({ logprob }, i) => Math.abs(logprob! - b[i]!.logprob!)))

describe('a tiny Gemma 2 with a window of 64 tokens, F32 cells', () => {
  const WINDOW = 64
  const tiny = (layers: number) =>
    tinyModel({
      shape: 'llama',
      architecture: 'gemma2',
      postNorms: true,
      tied: true,
      thoughts: 0,
      pairs: 0,
      layers,
      keys: { 'gemma2.attention.sliding_window': u32(WINDOW) },
    })
  const random = new Random(4)
  const prompt = randomTokens(tiny(1), random, 30)
  const paths = [400, 90, 300].map((n) => randomTokens(tiny(1), random, n))
  const words = [12, 5, 5].map((n) => randomTokens(tiny(1), random, n))
  const probe = randomTokens(tiny(1), random, 20)

  async function start(native: NativeModel): Promise<NativeContext> {
    const context = await makeContext(native)
    await fill(context, 0, prompt)
    for (const [i, path] of paths.entries()) {
      await context.copy(0, i + 1)
      await fill(context, i + 1, path)
    }
    return context
  }
  const join = (place: 'move' | 'copy') =>
    stream({
      id: 9,
      seq: 9,
      thought: -1,
      forced: probe,
      budget: probe.length,
      parts: [
        { from: 0, end: prompt.length - 2 },
        ...paths.flatMap((_, i) => [
          { tokens: words[i]!, thought: -1 },
          { from: i + 1, start: prompt.length, place },
        ]),
      ],
    })
  /** What a fresh context says of the probe after these tokens. */
  async function fresh(native: NativeModel, tokens: readonly number[]): Promise<NativeToken[]> {
    const context = await makeContext(native)
    await fill(context, 0, tokens)
    const records = await read(context, 0, probe)
    await context.free()
    return records
  }

  it('one layer, whose keys depend on token and position alone: a join is a fresh prefill', async () => {
    const native = await open(tiny(1))
    const expected = await fresh(native, [
      ...prompt.slice(0, -2),
      ...paths.flatMap((path, i) => [...words[i]!, ...path]),
    ])
    for (const place of ['move', 'copy'] as const) {
      const context = await start(native)
      const { tokens } = await decode(context, [join(place)])
      expect(largest(tokens.get(9)!.slice(1), expected)).toBeLessThan(EXACT)
      await context.free()
    }
    await native.close()
  })

  it.each(['move', 'copy'] as const)(
    'after a join by a %s, early and late branches find all cells',
    async (place) => {
      const native = await open(tiny(4))
      const context = await start(native)
      await decode(context, [join(place)])
      await context.remove(9)
      // llama.cpp now looks for free cells from the start of the cache, where the first path is.
      await fill(context, 8, randomTokens(tiny(1), random, 300))
      let offset = prompt.length - 2
      for (const [i, path] of paths.entries()) {
        offset += words[i]!.length
        if (place === 'move') {
          await context.copy(0, 7)
          await context.copyMoved(i + 1, 7, offset, prompt.length - offset)
        } else await context.copy(i + 1, 7)
        offset += path.length
        for (const at of [10, 70, path.length]) {
          await context.copy(7, 6, prompt.length + at)
          const records = await read(context, 6, probe)
          await context.remove(6)
          const expected = await fresh(native, [...prompt, ...path.slice(0, at)])
          // The cells stand in another order.
          expect(largest(records, expected), `path ${i} at ${at}`).toBeLessThan(10 * EXACT)
        }
        await context.remove(7)
      }
      await context.free()
      await native.close()
    },
  )
})
