/** Several decodes, prefills and contexts at once. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { loadAddon, type NativeContext, type NativeModel } from '../../engine/native/load.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { contextOf, ids, openTiny, run, start, stream } from './support.ts'

let model: NativeModel
let context: NativeContext
const prompt = [10, 20, 30, 40, 50]
const longText = Array.from({ length: 1500 }, (_, i) => (i * 7) % 200)

beforeAll(async () => {
  model = await openTiny()
})
afterAll(() => model.close())
const prompted = async () => {
  const made = await contextOf(model, { cells: 16_384 })
  await made.prefill({ seq: 0, tokens: prompt, thought: 0 })
  for (let seq = 1; seq < 12; seq++) await made.copy(0, seq)
  return made
}
beforeEach(async () => {
  context = await prompted()
})
afterEach(() => context.free())

const rejected = (work: Promise<unknown>) =>
  work.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  )
const again = async (of: NativeContext, ...seqs: number[]) => {
  for (const seq of seqs) {
    await of.remove(seq)
    await of.copy(0, seq)
  }
}
/** What a stream of this id decodes with nothing beside it. */
const alone = async (id: number, budget: number) => {
  await again(context, id)
  const decoded = await run(context, [own(id, budget)], { cells: budget })
  await again(context, id)
  return ids(decoded, id)
}
const own = (id: number, budget: number) => stream({ id, thought: id, forced: [60 + id], budget })
/** Starts a decode and waits for its first report. */
async function started(...options: Parameters<typeof start>) {
  let told!: () => void
  const first = new Promise<void>((resolve) => (told = resolve))
  const [of, streams, rest = {}] = options
  const begun = start(of, streams, {
    cells: 15_000,
    ...rest,
    onBatch: (batch) => {
      rest.onBatch?.(batch)
      told()
    },
  })
  await first
  return begun
}

describe('decodes of one context', () => {
  it('run at once and give what each gives alone', async () => {
    const wanted = [await alone(1, 900), await alone(2, 700), await alone(3, 500)]
    const order: string[] = []
    const first = start(context, [own(1, 900), own(3, 500)], { cells: 1400 })
    const second = start(context, [own(2, 700)])
    await Promise.all([
      first.handle.done.then(() => order.push('first')),
      second.handle.done.then(() => order.push('second')),
    ])
    expect(order).toEqual(['second', 'first'])
    expect(ids(first.decoded, 1)).toEqual(wanted[0])
    expect(ids(second.decoded, 2)).toEqual(wanted[1])
    expect(ids(first.decoded, 3)).toEqual(wanted[2])
    expect((await second.handle.done).steps).toBe(700)
  })

  it('have their own finish rules, whatever their groups are called', async () => {
    const first = start(context, [stream({ id: 1, budget: 5 }), stream({ id: 2, budget: 40 })], {
      finish: 1,
    })
    const second = start(context, [stream({ id: 1, seq: 3, budget: 6 }), stream({ id: 4 })])
    await Promise.all([first.handle.done, second.handle.done])
    expect(first.decoded.ended.get(2)!.reason).toBe('cut')
    expect(second.decoded.ended.get(4)!.reason).toBe('budget')
  })

  it('overflow their own cells only', async () => {
    const first = start(context, [stream({ id: 1, budget: 40 })], { cells: 12 })
    const second = start(context, [stream({ id: 2, budget: 40 })], { cells: 40 })
    await Promise.all([first.handle.done, second.handle.done])
    expect(first.decoded.ended.get(1)).toMatchObject({
      reason: 'overflow',
      error: { code: 'out-of-cells' },
    })
    expect(ids(first.decoded, 1)).toHaveLength(12)
    expect(ids(second.decoded, 2)).toHaveLength(40)
  })

  it('are cancelled one by one, and all by an abort', async () => {
    const wanted = await alone(2, 800)
    const first = await started(context, [own(1, 2000)])
    const second = await started(context, [own(2, 800)])
    const third = await started(context, [own(3, 14_000)])
    first.handle.cancel()
    await first.handle.done
    expect(first.decoded.ended.get(1)!.reason).toBe('cancelled')
    await second.handle.done
    expect(ids(second.decoded, 2)).toEqual(wanted)
    const prefill = context.prefill({ seq: 5, tokens: longText, thought: 0 })
    context.abort()
    expect(await rejected(prefill)).toBe('cancelled')
    await third.handle.done
    expect(third.decoded.ended.get(3)!.reason).toBe('cancelled')
    expect(ids(await run(context, [own(4, 5)]), 4)).toHaveLength(5)
  })

  it('end when the context is freed', async () => {
    const other = await prompted()
    const first = await started(other, [own(1, 10_000)])
    const second = await started(other, [own(2, 10_000)])
    const prefill = other.prefill({ seq: 5, tokens: longText, thought: 0 })
    const freed = other.free()
    expect(await rejected(prefill)).toBe('cancelled')
    await Promise.all([first.handle.done, second.handle.done, freed])
    expect(second.decoded.ended.get(2)!.reason).toBe('cancelled')
    expect(first.handle.add(own(3, 5))).toBe(false)
    expect(first.handle.resume(1, [])).toBe(false)
    prefill.cancel()
  })

  it('cannot use the sequence of a stream that decodes', async () => {
    const first = await started(context, [own(1, 10_000)])
    expect(await rejected(context.prefill({ seq: 1, tokens: [1], thought: 0 }))).toBe('bad-request')
    expect(await rejected(context.copy(0, 1))).toBe('bad-request')
    expect(await rejected(context.remove(1))).toBe('bad-request')
    expect(await context.lastPosition(1)).toBeGreaterThan(5)
    const second = await run(context, [stream({ id: 7, seq: 1 })])
    expect(second.ended.get(7)).toMatchObject({ reason: 'failed', error: { code: 'bad-request' } })
    first.handle.cancel()
    await first.handle.done
    expect(first.decoded.ended.get(1)!.reason).toBe('cancelled')
  })
})

describe('a prefill', () => {
  it('goes in chunks between the steps of streams, which stay what they are', async () => {
    const wanted = await alone(1, 1500)
    const other = await contextOf(model, { cells: 4096 })
    await other.prefill({ seq: 5, tokens: prompt, thought: 0 })
    const whole = await other.prefill({ seq: 5, tokens: longText, thought: 0, logprobs: true })
    await other.free()
    let told = 0
    const { handle, decoded } = await started(context, [own(1, 1500)], { onBatch: () => told++ })
    const chunks: number[] = []
    const counts: number[] = []
    const { tokens } = await context.prefill({
      seq: 5,
      tokens: longText,
      thought: 0,
      logprobs: true,
      onProgress: (done) => {
        chunks.push(done)
        counts.push(told)
      },
    })
    expect(chunks.length).toBeGreaterThan(3)
    expect(chunks.at(-1)).toBe(longText.length)
    await handle.done
    expect(ids(decoded, 1)).toEqual(wanted)
    expect(tokens!.map(({ id }) => id)).toEqual(longText)
    const apart = tokens!.map(({ logprob }, i) => Math.abs(logprob! - whole.tokens![i]!.logprob!))
    expect(Math.max(...apart)).toBeLessThan(1e-3)
  })

  it('is cancelled by itself, and its sequence keeps what it had', async () => {
    const { handle, decoded } = await started(context, [own(1, 2000)])
    const first = context.prefill({ seq: 5, tokens: longText, thought: 0 })
    const second = context.prefill({ seq: 6, tokens: prompt, thought: 0 })
    first.cancel()
    expect(await rejected(first)).toBe('cancelled')
    await second
    expect(await context.lastPosition(5)).toBe(prompt.length - 1)
    expect(await context.lastPosition(6)).toBe(2 * prompt.length - 1)
    await handle.done
    expect(ids(decoded, 1)).toHaveLength(2000)
  })

  it('of more tokens than rows of logits reports them all', async () => {
    const small = await contextOf(model, { cells: 1024, sequences: 2 })
    const { tokens } = await small.prefill({
      seq: 0,
      tokens: longText.slice(0, 300),
      thought: 0,
      logprobs: true,
    })
    expect(tokens).toHaveLength(300)
    await small.free()
  })
})

it('more streams than one step should have give what each gives alone', async () => {
  const crowded = await contextOf(model, {
    cells: 4096,
    sequences: 140,
    kvType: 'f16',
    flashAttention: 'on',
  })
  const streams = Array.from({ length: 130 }, (_, i) =>
    stream({ id: i + 1, forced: [i + 60], budget: 6 }),
  )
  const again = async () => {
    await crowded.clear()
    await crowded.prefill({ seq: 0, tokens: prompt, thought: 0 })
    for (const { id } of streams) await crowded.copy(0, id)
  }
  await again()
  const together = await run(crowded, streams, { cells: 130 * 6 })
  for (const one of [streams[0]!, streams[64]!, streams[129]!]) {
    await again()
    const single = await run(crowded, [one], { cells: 6 })
    const [a, b] = [together, single].map((decoded) => decoded.tokens.get(one.id)!)
    expect(a!.map(({ id }) => id)).toEqual(b!.map(({ id }) => id))
    for (const [i, token] of a!.entries())
      expect(Math.abs((token.logprob ?? 0) - (b![i]!.logprob ?? 0))).toBeLessThan(0.02)
  }
  await crowded.free()
})

describe('the thread that computes', () => {
  it('alternates between contexts with live decodes', async () => {
    const other = await prompted()
    const first = await started(context, [own(1, 12_000)])
    const second = await started(other, [own(1, 100)])
    await second.handle.done
    expect(first.decoded.ended.size).toBe(0)
    first.handle.cancel()
    const { steps } = await first.handle.done
    expect(steps).toBeGreaterThan(100)
    await other.free()
  })

  it('never keeps loading, quantising and new contexts waiting', async () => {
    const first = await started(context, [own(1, 14_000)])
    const file = writeTiny(tinyModel({ shape: 'qwen2' }))
    const addon = loadAddon()
    const loaded = await addon.openModel({ path: file, device: 'cpu', gpuLayers: 0 }).done
    await addon.quantize(file, `${file}.q8_0`, 'q8_0', 1)
    const made = await contextOf(loaded)
    expect(first.decoded.ended.size).toBe(0)
    await made.prefill({ seq: 0, tokens: prompt, thought: 0 })
    await made.free()
    await loaded.close()
    expect(first.decoded.ended.size).toBe(0)
    first.handle.cancel()
    await first.handle.done
  })

  it('changes its number of threads between two steps', async () => {
    const wanted = await alone(1, 400)
    const { handle, decoded } = await started(context, [own(1, 400)])
    await context.setThreads(2, false)
    expect(context.info.threads).toBe(2)
    await handle.done
    expect(ids(decoded, 1)).toEqual(wanted)
    for (const bad of [-1, 513, 1.5, NaN, '1', undefined])
      expect(() => void context.setThreads(bad as number, false)).toThrow(
        expect.objectContaining({ code: 'out-of-range' }),
      )
  })
})
