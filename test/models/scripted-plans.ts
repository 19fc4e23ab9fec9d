/** An addon whose plans answer by simple rules, for devices that this machine does not have. */
import type { NativeAddon, OpenPlanOptions } from '../../engine/native/types.ts'

export interface ScriptedPlans extends Pick<NativeAddon, 'openPlan'> {
  opened: OpenPlanOptions[]
  open: number
  measured: number
}

/** `layer`: bytes of weights per layer, `cell`: bytes per KV cell and layer. The output is one more layer. */
export function scriptedPlans({
  layers,
  layer,
  cell,
  mostCells = 2 ** 28,
}: {
  layers: number
  layer: number
  cell: number
  mostCells?: number
}): ScriptedPlans {
  const scripted: ScriptedPlans = {
    opened: [],
    open: 0,
    measured: 0,
    openPlan: (options) => {
      scripted.opened.push(options)
      scripted.open++
      const gpu = options.device === 'cpu' ? 0 : options.gpuLayers
      const onGpu = gpu < 0 ? layers + 1 : Math.min(gpu, layers + 1)
      return Promise.resolve({
        mapped: [],
        mostCells: () => mostCells,
        measure: ({ cells }) => {
          scripted.measured++
          const memory = (device: string, count: number) => ({
            device,
            weights: count * layer,
            repacked: 0,
            kv: Math.min(count, layers) * cell * cells,
            compute: 1000,
          })
          const cpu = memory('CPU', layers + 1 - onGpu)
          const devices = options.device === 'cpu' ? [cpu] : [cpu, memory(options.device, onGpu)]
          return Promise.resolve({ cells, logitRowBytes: 0, canShift: true, devices })
        },
        close: () => {
          scripted.open--
          return Promise.resolve()
        },
      })
    },
  }
  return scripted
}
