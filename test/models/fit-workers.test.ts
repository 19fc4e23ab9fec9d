import { describe, expect, it } from 'vitest'
import { fitOverWorkers } from '../../engine/models/fit-workers.ts'
import type { Fit } from '../../engine/protocol/wire.ts'

const GB = 1e9
const cpu = { name: 'CPU', weights: 12 * GB, kv: 3 * GB, compute: GB, free: 8 * GB }
const fit: Fit = {
  weights: 12 * GB,
  kv: 3 * GB,
  compute: GB,
  total: 16 * GB,
  free: 8 * GB,
  verdict: 'wont-fit',
  short: { device: 'CPU', bytes: 8 * GB },
  cells: 4096,
  devices: [cpu],
  kvByType: { f32: 6 * GB, f16: 3 * GB, q8_0: 2 * GB, q4_0: GB },
}
const worker = (name: string, free: number) => ({
  name,
  description: '',
  memoryFree: free,
  memoryTotal: free,
})

describe('the fit of a model over workers', () => {
  it('shares layers out by free memory, and shows each machine', () => {
    const shared = fitOverWorkers(fit, [worker('a:1', 30 * GB), worker('b:1', 10 * GB)], {
      share: 1,
      comfort: 0.9,
    })
    expect(shared).toMatchObject({ verdict: 'fits', total: 18 * GB, free: 48 * GB })
    expect(shared.short).toBeUndefined()
    expect(shared.devices).toEqual([
      { ...cpu, weights: 0, kv: 0 },
      { name: 'a:1', weights: 9 * GB, kv: 2.25 * GB, compute: GB, free: 30 * GB },
      { name: 'b:1', weights: 3 * GB, kv: 0.75 * GB, compute: GB, free: 10 * GB },
    ])
  })

  it('names the machine that is too small, and says that layers here are slower', () => {
    const small = fitOverWorkers(fit, [worker('a:1', 10 * GB)], { share: 1, comfort: 0.9 })
    expect(small).toMatchObject({
      verdict: 'wont-fit',
      short: { device: 'a:1', bytes: 6 * GB },
    })
    const half = fitOverWorkers(fit, [worker('a:1', 12 * GB)], { share: 0.5, comfort: 0.9 })
    expect(half.short).toMatchObject({ device: 'CPU' })
    const most = fitOverWorkers(fit, [worker('a:1', 20 * GB)], { share: 0.75, comfort: 0.9 })
    expect(most.verdict).toBe('may-be-slow')
  })
})
