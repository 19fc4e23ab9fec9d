import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Residency } from '../../engine/host/residency.ts'
import type { HostMessage, LoadedModel } from '../../engine/protocol/wire.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

const model: LoadedModel = {
  file: '/m.gguf',
  name: 'm',
  device: 'cpu',
  sizeBytes: 1,
  gpuLayers: 0,
  inUse: false,
}
class Engine extends ScriptedEngine {
  unloads: { since?: number }[] = []
  override loaded() {
    return [model] as never[]
  }
  override unload(...args: unknown[]) {
    this.unloads.push(args[0] as { since?: number })
    return Promise.resolve()
  }
}

let engine: Engine
let sent: HostMessage[]
let minutes: number
let busy: boolean
let residency: Residency
beforeEach(() => {
  vi.useFakeTimers()
  engine = new Engine()
  sent = []
  minutes = 15
  busy = false
  residency = new Residency({
    engine,
    idleMinutes: () => minutes,
    busy: () => busy,
    send: (message) => sent.push(message),
  })
})
afterEach(() => {
  residency.close()
  vi.useRealTimers()
})

it('a model that was idle for the set minutes is unloaded, whatever else thinks; never if the user says so', async () => {
  await vi.advanceTimersByTimeAsync(5_000)
  expect(engine.unloads).toEqual([{ since: Date.now() - 15 * 60_000 }])
  minutes = 0
  await vi.advanceTimersByTimeAsync(20_000)
  expect(engine.unloads).toHaveLength(1)
  minutes = 1
  busy = true
  await vi.advanceTimersByTimeAsync(5_000)
  expect(engine.unloads).toHaveLength(2)
})

it('windows are told of the machine while a run thinks, and that it is over', async () => {
  await vi.advanceTimersByTimeAsync(10_000)
  expect(sent).toEqual([])
  busy = true
  residency.update()
  await vi.advanceTimersByTimeAsync(4_100)
  expect(sent.map((message) => message.kind)).toEqual(['hardware', 'hardware'])
  expect(sent[0]).toMatchObject({
    hardware: { memoryTotal: expect.any(Number) as number, gpus: [] },
  })
  busy = false
  residency.update()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(sent.slice(2)).toEqual([{ kind: 'hardware', hardware: null }])
})
