import { expect, it } from 'vitest'
import { Pools, type LeaseRequest } from '../../engine/kv/pools.ts'
import type { NativeContext, NativeModel } from '../../engine/native/index.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'

/** A model whose contexts count how often they are freed, and are freed when the test says so. */
function fake() {
  const contexts: { freed: number; done: () => void }[] = []
  const createContext = () => {
    const entry = { freed: 0, done: () => undefined as void }
    contexts.push(entry)
    const free = () => {
      entry.freed++
      return new Promise<void>((resolve) => (entry.done = resolve))
    }
    return Promise.resolve({
      info: { kvBytes: 1, computeBytes: 1, lost: false },
      free,
      remove: () => Promise.resolve(),
      clear: () => Promise.resolve(),
      setThreads: () => Promise.resolve(),
    } as unknown as NativeContext)
  }
  const info = { metadata: {}, trainContext: 4096, vocabSize: 1 }
  const model = {
    native: { createContext, info } as unknown as NativeModel,
    device: 'other',
    kvBytesPerToken: { f32: 1, f16: 1, q8_0: 1, q4_0: 1 },
  }
  let uses = 0
  const pools = new Pools<typeof model>(
    {
      freeBytes: () => 1 << 30,
      room: () => Promise.resolve(false),
      retain: () => uses++,
      release: () => uses--,
    },
    1,
  )
  const lease = (kvType: 'f32' | 'f16') =>
    pools.lease({
      model,
      settings: resolveSettings({ engine: { kvType } }, { metadata: {}, nativePaths: 0 }),
      signal: new AbortController().signal,
      size: { cells: 8, sequences: 2 },
      least: 1,
      prompt: 1,
      arrival: pools.arrive(),
      alone: false,
      onShrunk: () => undefined,
    } satisfies LeaseRequest<typeof model>)
  /** Makes a context that no run works in. */
  const rested = async (kvType: 'f32' | 'f16') => (await lease(kvType)).rest()
  return { contexts, pools, lease, rested, uses: () => uses }
}

it('a context that a run takes while another one is freed is not freed', async () => {
  const { contexts, pools, lease, rested } = fake()
  await rested('f32')
  await rested('f16')
  const freeing = pools.freeIdle(() => true)
  const taken = await lease('f16')
  contexts[0]!.done()
  expect(await freeing).toBe(true)
  expect(contexts.map(({ freed }) => freed)).toEqual([1, 0])
  expect(taken.capacity).toBe(8)
})

it('contexts that are freed twice at the same time are freed once', async () => {
  const { contexts, pools, rested, uses } = fake()
  await rested('f32')
  await rested('f16')
  expect(uses()).toBe(2)
  const freeing = [pools.freeIdle(() => true), pools.freeIdle(() => true)]
  for (let turns = 0; turns < 10; turns++) {
    await new Promise((resolve) => setImmediate(resolve))
    for (const { done } of contexts) done()
  }
  await Promise.all(freeing)
  expect(contexts.map(({ freed }) => freed)).toEqual([1, 1])
  expect(uses()).toBe(0)
})
