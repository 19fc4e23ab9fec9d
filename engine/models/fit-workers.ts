import type { Fit } from '../protocol/wire.ts'
import type { WorkerDevice } from '../protocol/workers.ts'

type Part = Fit['devices'][number]

const total = ({ weights, kv, compute }: Part) => weights + kv + compute

/**
 * Returns the fit of a run whose layers are on workers, from its fit on the CPU. llama.cpp shares
 * layers out in proportion to free memory; each machine has a buffer for computing. `share`: of the
 * layers that leave the CPU. `comfort`: the share of a machine's free memory that may be taken
 * without being reported as slow.
 */
export function fitOverWorkers(
  fit: Fit,
  workers: readonly WorkerDevice[],
  { share, comfort }: { share: number; comfort: number },
): Fit {
  const [cpu] = fit.devices
  const memory = workers.reduce((sum, { memoryFree }) => sum + memoryFree, 0)
  const part = (of: number, by: number) => Math.round(of * by)
  const devices: Part[] = [
    { ...cpu!, weights: part(cpu!.weights, 1 - share), kv: part(cpu!.kv, 1 - share) },
    ...workers.map(({ name, memoryFree }) => {
      const by = (share * memoryFree) / Math.max(1, memory)
      return {
        name,
        weights: part(cpu!.weights, by),
        kv: part(cpu!.kv, by),
        compute: cpu!.compute,
        free: memoryFree,
      }
    }),
  ]
  const short = devices
    .map((one) => ({ device: one.name, bytes: total(one) - one.free }))
    .reduce((a, b) => (b.bytes > a.bytes ? b : a))
  const tight = share < 1 || devices.some((one) => total(one) > comfort * one.free)
  const { short: _, ...rest } = fit
  return {
    ...rest,
    compute: devices.reduce((sum, { compute }) => sum + compute, 0),
    total: devices.reduce((sum, one) => sum + total(one), 0),
    free: devices.reduce((sum, { free }) => sum + free, 0),
    verdict: short.bytes > 0 ? 'wont-fit' : tight ? 'may-be-slow' : 'fits',
    ...(short.bytes > 0 && { short }),
    devices,
  }
}
