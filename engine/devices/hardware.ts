import { cpus } from 'node:os'
import { systemFree, systemTotal } from '../models/index.ts'
import type { DeviceInfo, Hardware } from '../protocol/models.ts'

/**
 * Processor time since the machine started, busy and total, in milliseconds over all processors.
 */
interface Times {
  busy: number
  all: number
}

/** Measures the load between two calls of `sample`. */
export class HardwareMeter {
  #before = times()

  sample(devices: readonly DeviceInfo[]): Hardware {
    const now = times()
    const all = now.all - this.#before.all
    const load = all > 0 ? Math.min(1, Math.max(0, (now.busy - this.#before.busy) / all)) : 0
    this.#before = now
    const memoryTotal = systemTotal()
    return {
      load,
      memoryTotal,
      memoryUsed: Math.max(0, memoryTotal - systemFree()),
      gpus: devices
        .filter(({ type }) => type === 'gpu' || type === 'igpu')
        .map(({ name, memoryFree, memoryTotal: size }) => ({
          name,
          memoryUsed: Math.max(0, size - memoryFree),
          memoryTotal: size,
        })),
    }
  }
}

function times(): Times {
  return cpus().reduce(
    (sum, { times: { user, nice, sys, idle, irq } }) => ({
      busy: sum.busy + user + nice + sys + irq,
      all: sum.all + user + nice + sys + irq + idle,
    }),
    { busy: 0, all: 0 },
  )
}
