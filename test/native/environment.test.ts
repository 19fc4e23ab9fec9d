/** The addon's state belongs to a JavaScript environment: a worker thread that loads the addon starts and ends independently. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadAddon, nativeFolder, type NativeModel } from '../../engine/native/load.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { contextOf, greedy, ids, run, stream } from './support.ts'

const file = writeTiny(tinyModel({ shape: 'qwen2', thoughts: 9, pairs: 8 }))
let model: NativeModel
beforeAll(async () => {
  model = await loadAddon().openModel({ path: file, device: 'cpu', gpuLayers: 0 }).done
})
afterAll(() => model.close())

/** Decodes, and measures a plan beside it, until it is stopped; reports each batch. `end`: exits its thread at the first batch. */
const source = `
  const { parentPort, workerData } = require('node:worker_threads')
  const addon = require(workerData.addon)
  const main = async () => {
    const model = await addon.openModel({ path: workerData.file, device: 'cpu', gpuLayers: 0 }).done
    const context = await model.createContext({
      cells: 65536, sequences: 2, kvType: 'f32', flashAttention: 'off', threads: 1,
    })
    await context.prefill({ seq: 0, tokens: [10, 20, 30], thought: 0 })
    const plan = await addon.openPlan({ path: workerData.file, device: 'cpu', gpuLayers: 0 })
    const measure = () =>
      plan.measure({ cells: 4096, sequences: 2, kvType: 'f32', flashAttention: 'off' }).then(measure)
    await plan.measure({ cells: 256, sequences: 2, kvType: 'f32', flashAttention: 'off' })
    void measure()
    const stream = { id: 0, seq: 0, thought: 0, forced: [], budget: 60000, sampler: workerData.sampler,
      masked: [], stops: [], endToken: -1, group: 0 }
    const decode = context.decode({ streams: [stream], finish: 0, cells: 60000, logprobs: false,
      alternatives: 0, onBatch: ({ tokens }) => {
        parentPort.postMessage(tokens[0]?.tokens.length ?? 0)
        if (workerData.end) process.exit(0)
      } })
    await decode.done
  }
  main().catch((error) => parentPort.postMessage(String(error)))
`

const workerOf = (end: boolean) =>
  new Worker(source, {
    eval: true,
    workerData: { addon: join(nativeFolder(), 'braid.node'), file, sampler: greedy, end },
  })

it.each(['is terminated', 'exits by itself'])(
  'a worker thread that %s in the middle of a decode leaves ours alone',
  async (how) => {
    const context = await contextOf(model)
    await context.prefill({ seq: 0, tokens: [1, 2, 3], thought: 0 })
    const ours = async () => {
      await context.remove(1)
      await context.copy(0, 1)
      return ids(await run(context, [stream({ id: 1, budget: 40 })]), 1)
    }
    const before = await ours()
    for (let i = 0; i < 3; i++) {
      const worker = workerOf(how === 'exits by itself')
      const ended = once(worker, 'exit')
      const [told] = (await once(worker, 'message')) as [number | string]
      expect(told).toBeGreaterThan(0)
      const during = ours()
      if (how === 'is terminated') await worker.terminate()
      await ended
      expect(await during).toEqual(before)
    }
    expect(await ours()).toEqual(before)
    await context.free()
  },
)
