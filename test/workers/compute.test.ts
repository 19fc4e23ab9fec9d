import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forkHost } from '../../engine/cli/node-host.ts'
import { Supervisor } from '../../engine/host/supervisor.ts'
import { loadAddon } from '../../engine/native/load.ts'
import type { NativeToken, OpenModelOptions } from '../../engine/native/types.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { addressText, hostPort } from '../../engine/protocol/workers.ts'
import { Engine } from '../../engine/run/index.ts'
import { newCode, Worker, WorkerLinks } from '../../engine/workers/index.ts'
import { idsOf, solve, type Settings } from '../run/support.ts'
import { smolLM2 } from '../support/models.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'
import { Machine, Network, Proxy } from './support.ts'

/** Two machines that think for this one, over a network if the system lets a test make one. */
const folder = mkdtempSync(join(tmpdir(), 'braid-compute-'))
const network = new Network()
const machines = [new Machine(network, 7801), new Machine(network, 7802)]
const native = loadAddon({ gpu: false })
/** Computes on the CPU as workers do. */
const addon = {
  ...native,
  openModel: (options: OpenModelOptions) => native.openModel({ ...options, repack: false }),
}
const links = new WorkerLinks(folder, { addon: () => addon })
const workers: string[] = []
let proxy: Proxy
let smol = ''

beforeAll(async () => {
  console.log(`workers are in ${network.isReal ? 'a network namespace' : 'processes on loopback'}`)
  smol = await smolLM2()
  for (const machine of machines) {
    const { address, code } = await machine.ready()
    await links.pair(address, code)
    workers.push(address)
  }
  // The first worker is reached through something that listens.
  proxy = new Proxy(hostPort(workers[0]!))
  const listened = await proxy.start()
  links.known.set(listened, links.known.code(workers[0]!)!)
  workers[0] = listened
})
afterAll(async () => {
  links.close()
  proxy?.close()
  for (const machine of machines) await machine.close()
  network.close()
  rmSync(folder, { recursive: true })
})

const bundled = join(import.meta.dirname, '../../models/braid-numbers-q8_0.gguf')
const SECRET = 'The capital of the country of xylophones is'

/** Returns the greedy tokens after a text. */
async function greedy(names: string[], gpuLayers: number): Promise<NativeToken[]> {
  const open = { path: smol, device: 'cpu', gpuLayers, workers: names }
  const model = await addon.openModel(open).done
  const context = await model.createContext({
    cells: 256,
    sequences: 1,
    kvType: 'f16',
    flashAttention: 'auto',
    threads: 1,
  })
  const tokens = model.tokenize(SECRET, { special: false, bos: true })
  await context.prefill({ seq: 0, tokens, thought: -1 })
  const written: NativeToken[] = []
  await context.decode({
    streams: [
      {
        id: 1,
        seq: 0,
        thought: -1,
        forced: [],
        budget: 16,
        sampler: {
          temperature: 0,
          topK: 0,
          topP: 1,
          minP: 0,
          repetitionPenalty: 1,
          repetitionWindow: 0,
          seed: 1,
        },
        masked: [],
        stops: [],
        endToken: -1,
        group: 0,
      },
    ],
    finish: 0,
    logprobs: true,
    alternatives: 0,
    cells: 32,
    onBatch: (batch) => batch.tokens.forEach((one) => written.push(...one.tokens)),
  }).done
  const used = context.info.devices.filter(({ weights }) => weights > 0).map((one) => one.device)
  expect(used.sort()).toEqual(['CPU', ...names].sort())
  await context.free()
  await model.close()
  return written
}

describe('a model over other machines', () => {
  it('writes what the CPU writes, over two workers, and over one with layers here', async () => {
    const own = await greedy([], 0)
    expect(own).toHaveLength(16)
    for (const [count, layers] of [
      [2, -1],
      [1, 12],
    ] as const) {
      const held = await links.hold(workers.slice(0, count))
      const names = held.devices.map(({ name }) => name)
      expect(names).toEqual(workers.slice(0, count))
      const over = await greedy(names, layers)
      expect(over.map(({ id }) => id)).toEqual(own.map(({ id }) => id))
      for (const [i, { logprob }] of over.entries())
        expect(Math.abs(logprob! - own[i]!.logprob!)).toBeLessThan(1e-3)
      await held.release()
    }
  })

  it('shows a listener neither the model nor the text', () => {
    const captured = Buffer.concat(proxy.kept)
    // Half of the layers passed it, and what was asked.
    expect(proxy.bytes).toBeGreaterThan(30e6)
    for (const plain of ['blk.0', 'attn_', 'token_embd', 'llama', '"versions"', 'xylophones'])
      expect(captured.includes(plain, 0, 'latin1'), plain).toBe(false)
    const sample = captured.subarray(4096, 4096 + (8 << 20))
    expect(gzipSync(sample).length / sample.length).toBeGreaterThan(0.99)
  })

  it('thinks in parallel: thought tables, fork and join give the tokens of this machine', async () => {
    const settings: Settings = {
      paths: 3,
      budget: 40,
      summaryBudget: 16,
      sampling: { temperature: 0 },
      question: 'value',
    }
    const engine = new Engine({ addon, version: 'test', workers: links })
    const run = async (on: string[]) => {
      const { state } = await solve(engine, bundled, '7 5 3 2 = 24', {
        ...settings,
        engine: { device: 'cpu', workers: on },
      })
      expect(state.status).toBe('ended')
      expect(state.summaries).toHaveLength(1)
      return [...state.paths, ...state.summaries].map(({ text, tokens }) => [
        text,
        idsOf({ tokens }),
      ])
    }
    const own = await run([])
    expect(await run(workers)).toEqual(own)
    await engine.close()
  })
})

describe('a worker that dies while nothing computes', () => {
  it('is let go, and the engine works on', async () => {
    const code = newCode(folder)
    const worker = await Worker.start({
      listen: { host: '127.0.0.1', port: 0 },
      code,
      devices: () =>
        Promise.resolve([{ name: 'CPU', description: '', memoryFree: 4e9, memoryTotal: 4e9 }]),
      server: { devices: [], threads: 1 },
    })
    const address = addressText(worker.address)
    links.known.set(address, code)
    const engine = new Engine({ addon, version: 'test', workers: links })
    let lost = false
    engine.onLost(() => (lost = true))
    const ask = (on: string[]) =>
      solve(engine, bundled, '7 5 3 2 = 24', {
        budget: 8,
        paths: 1,
        summaryBudget: 8,
        engine: { device: 'cpu', workers: on },
      })
    expect((await ask([address])).state).toMatchObject({ status: 'ended', error: null })
    expect(engine.loaded()).toMatchObject([{ workers: [address], inUse: false }])
    await worker.close()
    await until(() => engine.loaded().length === 0, 'the model to be unloaded')
    expect(lost).toBe(false)
    expect((await ask([])).state).toMatchObject({ status: 'ended', error: null })
    await engine.close()
  })
})

describe('a worker that dies in mid-run', () => {
  it('is named, the run is kept, and goes on here', async () => {
    const states: string[] = []
    const supervisor = new Supervisor({
      spawn: () => forkHost({ BRAID_DATA: folder }),
      onState: (state, message) => states.push(`${state}: ${message}`),
    })
    const client = () => {
      const [here, there] = channelPair()
      supervisor.connect(there)
      return new TestClient(here)
    }
    try {
      const before = client()
      const { run } = await before.call('run.start', {
        request: {
          problem: 'Tell a long story.',
          model: smol,
          settings: {
            strategy: 'sequential',
            budget: 2000,
            engine: { device: 'cpu', threads: 1, workers: [workers[1]!] },
          },
        },
      })
      await before.call('run.open', { run })
      const written = (events: Parameters<typeof foldRun>[0]) =>
        foldRun(events).paths[0]?.tokens.length ?? 0
      await until(() => written(before.events(run)) > 5, 'tokens', 120_000)
      await machines[1]!.kill()
      await until(() => before.closed, 'the end of the engine', 120_000)
      const kept = foldRun(before.events(run))
      expect(kept).toMatchObject({
        status: 'failed',
        error: {
          code: 'engine-lost',
          detail: 'engine-lost/worker',
          params: { worker: workers[1] },
        },
      })
      expect(states.at(-1)).toContain(`(the worker ${workers[1]} is gone)`)

      const after = client()
      await after.call('run.open', { run })
      await until(() => written(after.events(run)) === written(before.events(run)))
      await after.call('run.command', {
        run,
        command: { type: 'extend', segment: 'p1', tokens: 8 },
      })
      await until(() => foldRun(after.events(run)).status === 'ended', 'the end', 120_000)
      const whole = foldRun(after.events(run))
      expect(whole.paths[0]!.tokens.length).toBeGreaterThan(written(before.events(run)))
      expect(whole.notices).toMatchObject([
        { code: 'workers-missing', params: { reason: expect.stringContaining(workers[1]!) } },
      ])
      expect(whole.error).toBeNull()
    } finally {
      await supervisor.close()
    }
  })
})
