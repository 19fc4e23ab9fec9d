/** Groups of streams: their rules, pauses and merged texts. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { DecodeBatch, NativeContext, NativeModel } from '../../engine/native/load.ts'
import { contextOf, ids, openTiny, run, start, stream } from './support.ts'

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
  for (let seq = 1; seq < 8; seq++) await context.copy(0, seq)
})
afterEach(() => context.free())

const code = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'nothing was thrown'
}

describe('a merged group', () => {
  const merged = (...list: number[]) => list.map((id) => stream({ id, group: 4 }))

  it('of streams that are alike decodes what one of them decodes', async () => {
    const one = await run(context, [stream({ id: 1 })])
    const out = await run(context, merged(2, 3, 4), { groups: [{ id: 4, merge: 3 }] })
    expect(ids(out, 2)).toEqual(ids(one, 1))
    out.tokens
      .get(2)!
      .forEach((token, i) => expect(token.logprob).toBeCloseTo(one.tokens.get(1)![i]!.logprob!, 4))
    expect([...out.tokens.keys()]).toEqual([2])
    expect([2, 3, 4].map((id) => out.ended.get(id)!.reason)).toEqual(['budget', 'budget', 'budget'])
    expect(await context.lastPosition(4)).toBe(prompt.length + 19)
  })

  it('of streams that differ decodes another text than each', async () => {
    await run(
      context,
      [1, 2].map((id) => stream({ id, forced: [60 + id], budget: 1 })),
    )
    for (const seq of [1, 2]) {
      await context.remove(seq + 4)
      await context.copy(seq, seq + 4)
    }
    const each = await run(context, [stream({ id: 1 }), stream({ id: 2 })])
    const streams = [5, 6].map((id) => stream({ id, group: 4 }))
    const out = await run(context, streams, { groups: [{ id: 4, merge: 2 }], logprobs: true })
    expect(ids(out, 5)).toHaveLength(20)
    for (const { logprob, members } of out.tokens.get(5)!) {
      expect(members).toHaveLength(2)
      // The mean is below its softmax, whose values add up to one.
      expect((members![0]! + members![1]!) / 2).toBeLessThan(logprob! + 1e-5)
    }
    for (const id of [1, 2])
      for (const token of each.tokens.get(id)!) expect(token.members).toBeUndefined()
    for (const id of [1, 2]) expect(ids(out, 5)).not.toEqual(ids(each, id))
  })

  it('waits for its last stream, whose start is asked for later', async () => {
    const { handle, decoded } = start(context, [...merged(2, 3), stream({ id: 1 })], {
      groups: [{ id: 4, merge: 3 }],
      onBatch: ({ ended }) => {
        if (ended.some(({ id }) => id === 1)) handle.add(stream({ id: 4, group: 4 }))
      },
    })
    await handle.done
    expect(ids(decoded, 2)).toEqual(ids(decoded, 1))
  })
})

describe('a stream that pauses', () => {
  it('says so once its tokens are told, and goes on with forced tokens', async () => {
    const free = ids(await run(context, [stream({ id: 1 })]), 1)
    const seen: DecodeBatch[] = []
    const { handle, decoded } = start(context, [stream({ id: 2, pauses: [free[0]!] })], {
      onBatch: (batch) => {
        seen.push(batch)
        if (batch.paused.length > 0) handle.resume(2, [91, 92])
      },
    })
    await handle.done
    expect(seen[0]!.paused).toEqual([2])
    expect(seen[0]!.tokens[0]!.tokens.map(({ id }) => id)).toEqual([free[0]])
    expect(ids(decoded, 2).slice(0, 3)).toEqual([free[0], 91, 92])
    expect(ids(decoded, 2)).toHaveLength(20)
    expect(handle.resume(2, [])).toBe(false)
  })

  it.each(['cancel', 'abort', 'free'] as const)('ends by %s', async (how) => {
    const other = await contextOf(model)
    await other.prefill({ seq: 1, tokens: prompt, thought: 0 })
    const everything = Array.from({ length: model.info.vocabSize }, (_, id) => id)
    let paused!: () => void
    const pause = new Promise<void>((resolve) => (paused = resolve))
    const { handle, decoded } = start(other, [stream({ id: 1, pauses: everything })], {
      onBatch: (batch) => batch.paused.length > 0 && paused(),
    })
    await pause
    if (how === 'cancel') handle.cancel()
    else if (how === 'abort') other.abort()
    const freed = how === 'free' ? other.free() : undefined
    await handle.done
    expect(decoded.ended.get(1)!.reason).toBe('cancelled')
    expect(ids(decoded, 1)).toHaveLength(1)
    await (freed ?? other.free())
  })
})

it('a group that is not reported tells its tokens with its end', async () => {
  const batches: DecodeBatch[] = []
  const { handle } = start(
    context,
    [stream({ id: 1, budget: 30 }), stream({ id: 2, budget: 300, group: 2 })],
    {
      groups: [{ id: 1, report: false, alternatives: 2 }],
      onBatch: (batch) => batches.push(batch),
    },
  )
  await handle.done
  const told = batches.filter(({ tokens }) => tokens.some(({ id }) => id === 1))
  expect(told).toHaveLength(1)
  expect(told[0]!.ended.map(({ id }) => id)).toContain(1)
  const { tokens } = told[0]!.tokens.find(({ id }) => id === 1)!
  expect(tokens).toHaveLength(30)
  expect(tokens[0]!.alternatives).toHaveLength(2)
})

it('rules that cannot be are refused with a code', async () => {
  const begin = (groups: unknown) =>
    code(() => start(context, [stream({ id: 1 })], { groups } as never))
  for (const value of [null, 1, 'x', {}]) expect(begin(value), String(value)).toBe('bad-request')
  for (const value of [null, 1, 'x']) expect(begin([value]), String(value)).toBe('bad-request')
  for (const value of [NaN, -1, 1.5, '1', null, 2 ** 32])
    for (const field of ['id', 'finish', 'alternatives', 'merge'])
      expect(begin([{ id: 1, [field]: value }]), `${field} = ${String(value)}`).toBe('out-of-range')
  expect(begin([{ id: 1, merge: 1 }])).toBe('out-of-range')
  for (const field of ['logprobs', 'report'])
    expect(begin([{ id: 1, [field]: 1 }]), field).toBe('bad-request')
  expect(begin([{}])).toBe('out-of-range')
  expect(code(() => start(context, [stream({ id: 1, pauses: [-1] })]))).toBe('out-of-range')
  const { handle } = start(context, [stream({ id: 1, budget: 2 })])
  expect(code(() => handle.setGroup({ id: 1, merge: 13 }))).toBe('out-of-range')
  expect(code(() => handle.setGroup(undefined as never))).toBe('bad-request')
  expect(code(() => handle.resume(1, [model.info.vocabSize]))).toBe('out-of-range')
  expect(code(() => handle.resume(-1, []))).toBe('out-of-range')
  await handle.done
})
