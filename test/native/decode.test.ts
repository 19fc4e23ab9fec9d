import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { NativeContext, NativeModel } from '../../engine/native/load.ts'
import { contextOf, greedy, ids, openTiny, run, start, stream, type Decoded } from './support.ts'

let model: NativeModel
let context: NativeContext
const prompt = [10, 20, 30, 40, 50]

beforeAll(async () => {
  model = await openTiny()
})
afterAll(() => model.close())
beforeEach(async () => {
  context = await contextOf(model)
  await context.prefill({ seq: 0, tokens: prompt, thought: 0 })
  for (let seq = 1; seq < 6; seq++) await context.copy(0, seq)
})
afterEach(() => context.free())

describe('decode', () => {
  it('gives each stream what it would decode alone', async () => {
    const together = await run(
      context,
      [1, 2, 3].map((id) => stream({ id, thought: id, forced: [60 + id] })),
    )
    for (const id of [1, 2, 3]) {
      await context.remove(id)
      await context.copy(0, id)
      const alone = await run(context, [stream({ id, thought: id, forced: [60 + id] })])
      expect(ids(alone, id)).toEqual(ids(together, id))
    }
    expect(ids(together, 1)).not.toEqual(ids(together, 2))
  })

  it('counts forced tokens in the budget, reports their logprob and marks them', async () => {
    const out = await run(context, [stream({ id: 1, forced: [61, 62], budget: 5 })])
    const tokens = out.tokens.get(1)!
    expect(tokens.map((token) => token.forced ?? false)).toEqual([true, true, false, false, false])
    expect(
      tokens.every((token) => token.logprob !== null && token.logprob <= 0 && token.entropy! >= 0),
    ).toBe(true)
    expect(out.ended.get(1)).toEqual({ id: 1, reason: 'budget' })
    expect(await context.lastPosition(1)).toBe(prompt.length + 5 - 1)
  })

  it('replaces a stop token by the end token and has it in the cache', async () => {
    const free = await run(context, [stream({ id: 1 })])
    const stop = ids(free, 1)[4]!
    const out = await run(context, [stream({ id: 2, stops: [stop], endToken: 77 })])
    const upTo = ids(free, 1).indexOf(stop)
    expect(ids(out, 2)).toEqual([...ids(free, 1).slice(0, upTo), 77])
    expect(out.tokens.get(2)!.at(-1)!.forced).toBe(true)
    expect(out.ended.get(2)!.reason).toBe('finished')
    expect(await context.lastPosition(2)).toBe(prompt.length + upTo)
  })

  it('never samples a masked token', async () => {
    const free = await run(context, [stream({ id: 1 })])
    const masked = [...new Set(ids(free, 1))]
    const out = await run(context, [stream({ id: 2, masked })])
    expect(ids(out, 2).some((id) => masked.includes(id))).toBe(false)
    // The mask affects only the sampler: the reported distribution stays the model's.
    expect(out.tokens.get(2)![0]!.logprob!).toBeLessThan(free.tokens.get(1)![0]!.logprob!)
  })

  it('cuts a group when its first stream ends, and leaves other groups alone', async () => {
    const out = await run(
      context,
      [
        stream({ id: 1, budget: 5 }),
        stream({ id: 2, budget: 30, forced: [61] }),
        stream({ id: 3, budget: 30, group: 2 }),
      ],
      { finish: 1 },
    )
    expect([1, 2, 3].map((id) => out.ended.get(id)!.reason)).toEqual(['budget', 'cut', 'budget'])
    expect([1, 2, 3].map((id) => ids(out, id).length)).toEqual([5, 5, 30])
  })

  it('continues a stream from its own tail exactly', async () => {
    const whole = await run(context, [stream({ id: 1, budget: 24 })])
    await run(context, [stream({ id: 2, budget: 10 })])
    const rest = await run(context, [stream({ id: 2, budget: 14 })])
    expect(ids(rest, 2)).toEqual(ids(whole, 1).slice(10))
    // The cells are at other places in the cache: equal up to the rounding of sums.
    rest.tokens
      .get(2)!
      .forEach((token, i) =>
        expect(token.logprob).toBeCloseTo(whole.tokens.get(1)![10 + i]!.logprob!, 4),
      )
  })

  it('branches at a token: the shared part is shared, the forced token differs', async () => {
    const parent = await run(context, [stream({ id: 1, budget: 16 })])
    const out = await run(context, [
      stream({ id: 7, branch: { from: 1, end: prompt.length + 6 }, forced: [99], budget: 8 }),
    ])
    await context.copy(0, 8)
    const replay = await run(context, [
      stream({ id: 8, forced: [...ids(parent, 1).slice(0, 6), 99], silent: 6, budget: 8 }),
    ])
    expect(ids(replay, 8)).toEqual(ids(out, 7))
    expect(ids(out, 7)[0]).toBe(99)
  })

  it('a character split between a stream and the one that goes on is whole, whether by its history or by a silent token', async () => {
    const [first, second] = [...model.tokenize('é', { special: false, bos: false })] as [
      number,
      number,
    ]
    const text = (decoded: Decoded, id: number) =>
      decoded.tokens
        .get(id)!
        .map((token) => token.text)
        .join('')
    expect(text(await run(context, [stream({ id: 1, forced: [first], budget: 1 })]), 1)).toBe('')
    const on = await run(context, [
      stream({ id: 1, forced: [second], history: [first], budget: 1 }),
    ])
    expect(text(on, 1)).toBe('é')
    const branch = await run(context, [
      stream({
        id: 7,
        branch: { from: 1, end: prompt.length },
        forced: [first, second],
        silent: 1,
        budget: 1,
      }),
    ])
    expect(text(branch, 7)).toBe('é')
  })

  it('ends the longest stream when cells run short, and the others go on', async () => {
    const out = await run(context, [stream({ id: 1, budget: 40 }), stream({ id: 2, budget: 10 })], {
      cells: 30,
    })
    expect(out.ended.get(1)).toMatchObject({ reason: 'overflow', error: { code: 'out-of-cells' } })
    expect(out.ended.get(2)!.reason).toBe('budget')
    expect(ids(out, 1).length).toBe(20)
  })

  it('samples the same with the same seed and differently with another', async () => {
    const sampler = {
      ...greedy,
      temperature: 1.5,
      topK: 40,
      topP: 0.95,
      minP: 0.01,
      repetitionPenalty: 1.2,
      repetitionWindow: 16,
    }
    const out = await run(
      context,
      [1, 2, 3].map((id) =>
        stream({ id, budget: 30, sampler: { ...sampler, seed: id === 3 ? 9 : 5 } }),
      ),
    )
    expect(ids(out, 1)).toEqual(ids(out, 2))
    expect(ids(out, 1)).not.toEqual(ids(out, 3))
  })

  it('reports alternatives in order, the sampled token among them when greedy', async () => {
    const out = await run(context, [stream({ id: 1, budget: 6 })], { alternatives: 5 })
    for (const token of out.tokens.get(1)!) {
      const logprobs = token.alternatives!.map((a) => a.logprob)
      expect(token.alternatives).toHaveLength(5)
      expect(logprobs).toEqual([...logprobs].sort((a, b) => b - a))
      expect(token.alternatives![0]).toMatchObject({ id: token.id, logprob: token.logprob })
    }
  })

  it('draws tokens as often as their probability says', async () => {
    // Compares 600 first tokens at temperature 1 with the reported probabilities of the 10 likeliest.
    const top = (
      await run(context, [stream({ id: 1, budget: 1 })], { alternatives: 10 })
    ).tokens.get(1)![0]!.alternatives!
    const counts = new Map<number, number>()
    const draws = 600
    for (let i = 0; i < draws; i += 5) {
      for (let seq = 6; seq < 11; seq++) await context.copy(0, seq)
      const out = await run(
        context,
        [6, 7, 8, 9, 10].map((id) =>
          stream({ id, budget: 1, sampler: { ...greedy, temperature: 1, seed: i + id } }),
        ),
      )
      for (let id = 6; id < 11; id++) {
        const token = ids(out, id)[0]!
        counts.set(token, (counts.get(token) ?? 0) + 1)
        await context.remove(id)
      }
    }
    for (const { id, logprob } of top) {
      const p = Math.exp(logprob),
        sigma = Math.sqrt(p * (1 - p) * draws)
      expect(Math.abs((counts.get(id) ?? 0) - p * draws)).toBeLessThan(5 * sigma + 2)
    }
  })
})

describe('a decode under way', () => {
  const long = (id: number, more = {}) => stream({ id, budget: 400, ...more })

  it('stops one stream, extends another, takes in a third, then ends', async () => {
    // Long enough that both streams still decode when the first batch arrives on a busy machine.
    const roomy = await contextOf(model, { cells: 8192 })
    await roomy.prefill({ seq: 0, tokens: prompt, thought: 0 })
    for (const seq of [1, 2]) await roomy.copy(0, seq)
    let sent = false
    const { handle, decoded } = start(
      roomy,
      [stream({ id: 1, budget: 4000 }), stream({ id: 2, budget: 2000 })],
      {
        cells: 8000,
        onBatch: () => {
          if (sent) return
          sent = true
          expect(handle.stop(1, 'stopped')).toBe(true)
          expect(handle.extend(2, 5)).toBe(true)
          expect(
            handle.add(
              stream({ id: 7, branch: { from: 0, end: prompt.length }, forced: [61], budget: 9 }),
            ),
          ).toBe(true)
        },
      },
    )
    await handle.done
    expect(decoded.ended.get(1)!.reason).toBe('stopped')
    expect(decoded.ended.get(2)!.reason).toBe('budget')
    expect(ids(decoded, 2).length).toBe(2005)
    expect(ids(decoded, 7).length).toBe(9)
    expect(handle.stop(2, 'stopped')).toBe(false)
    await roomy.free()
  })

  it('streams that decode are not disturbed by one that reads tokens before its own', async () => {
    const roomy = await contextOf(model, { cells: 8192 })
    await roomy.prefill({ seq: 0, tokens: prompt, thought: 0 })
    const begin = async () => {
      const streams = [1, 2].map((id) => stream({ id, budget: 1500, forced: [60 + id] }))
      for (const seq of [1, 2]) {
        await roomy.remove(seq)
        await roomy.copy(0, seq)
      }
      return streams
    }
    const alone = await run(roomy, await begin(), { cells: 8000 })
    let next = 3
    const { handle, decoded } = start(roomy, await begin(), {
      cells: 8000,
      onBatch: () => {
        if (next > 8) return
        const parts = [{ from: 0 }, { tokens: prompt.map((id) => id + next), thought: 0 }]
        handle.add(stream({ id: next++, budget: 2, parts }))
      },
    })
    await handle.done
    expect(next).toBeGreaterThan(3)
    for (const id of [1, 2]) {
      expect(ids(decoded, id)).toEqual(ids(alone, id))
      const logprobs = (of: Decoded) => of.tokens.get(id)!.map(({ logprob }) => logprob!)
      const [a, b] = [logprobs(decoded), logprobs(alone)]
      expect(Math.max(...a.map((one, i) => Math.abs(one - b[i]!)))).toBeLessThan(1e-3)
    }
    await roomy.free()
  })

  it('cancels at once and leaves a context that works', async () => {
    const { handle, decoded } = start(context, [long(1), long(2)], {
      onBatch: () => handle.cancel(),
    })
    await handle.done
    expect(decoded.ended.get(1)!.reason).toBe('cancelled')
    const kept = ids(decoded, 1).length
    expect(kept).toBeLessThan(400)
    expect(await context.lastPosition(1)).toBe(prompt.length + kept - 1)
    expect(ids(await run(context, [stream({ id: 3, budget: 4 })]), 3)).toHaveLength(4)
  })

  it('cancels its own streams only, whatever waits behind it', async () => {
    const first = start(context, [long(1)], { onBatch: () => first.handle.cancel() })
    const second = start(context, [stream({ id: 2, budget: 5 })])
    const prefill = context.prefill({ seq: 3, tokens: [1, 2], thought: 0 })
    await Promise.all([first.handle.done, second.handle.done, prefill])
    expect(first.decoded.ended.get(1)!.reason).toBe('cancelled')
    expect(ids(second.decoded, 2)).toHaveLength(5)
    expect(await context.lastPosition(3)).toBe(prompt.length + 1)
  })

  it('an abort reaches what was asked for before it, and nothing after', async () => {
    const first = start(context, [long(1)])
    const second = start(context, [long(2)])
    context.abort()
    const third = start(context, [stream({ id: 3, budget: 5 })])
    await Promise.all([first, second, third].map(({ handle }) => handle.done))
    expect(first.decoded.ended.get(1)!.reason).toBe('cancelled')
    expect(second.decoded.ended.get(2)!.reason).toBe('cancelled')
    expect(ids(third.decoded, 3)).toHaveLength(5)
  })

  it('drops a sequence at once: its cells are free for the others', async () => {
    const { handle, decoded } = start(context, [long(1), long(2)], {
      onBatch: () => handle.remove(2),
    })
    await handle.done
    expect(decoded.ended.get(2)!.reason).toBe('stopped')
    expect(await context.lastPosition(2)).toBe(-1)
    expect(ids(decoded, 1)).toHaveLength(400)
  })

  it('tells tokens in batches, not one by one', async () => {
    const out = await run(context, [long(1), long(2)])
    expect(ids(out, 1)).toHaveLength(400)
    expect(out.batches).toBeLessThan(200)
  })

  it('keeps no memory of a freed context, whoever still holds its handle', async () => {
    const held: unknown[] = []
    const used = async () => {
      const large = await contextOf(model, { cells: 65_536 })
      const before = process.memoryUsage().rss
      await large.prefill({ seq: 0, tokens: prompt, thought: 0 })
      const { handle } = start(large, [stream({ id: 0, budget: 3 })], {
        onBatch: () => held.push(handle),
      })
      await handle.done
      held.push(handle)
      await large.free()
      expect(handle.stop(0, 'stopped')).toBe(false)
      return before
    }
    const empty = process.memoryUsage().rss
    const size = (await used()) - empty
    expect(size).toBeGreaterThan(8 << 20)
    for (let i = 0; i < 20; i++) await used()
    expect(process.memoryUsage().rss - empty).toBeLessThan(6 * size)
  })
})
