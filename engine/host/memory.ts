import { systemFree } from '../models/index.ts'
import type { DeviceInfo } from '../protocol/wire.ts'
import type { Engine } from '../run/index.ts'

type Loaded = Pick<
  ReturnType<Engine['loaded']>[number],
  'file' | 'device' | 'onDevice' | 'heldBytes'
>

/**
 * Computes free memory with the memory of Braid's own models counted as free, because these
 * models are unloaded if a run needs it.
 */
export class OwnMemory {
  /**
   * `repacked` returns how many bytes of a model's weights the CPU keeps in its own layout, in
   * addition to the file.
   */
  constructor(
    private readonly loaded: () => readonly Loaded[],
    private readonly repacked: (file: string) => Promise<number>,
    private readonly system = systemFree,
  ) {}

  /** Returns the devices, with the models on them counted as free memory. */
  async devices(found: readonly DeviceInfo[]): Promise<DeviceInfo[]> {
    const system = await this.free()
    return found.map((one) => {
      if (one.type === 'cpu') return { ...one, memoryFree: Math.min(one.memoryTotal, system) }
      const ours = this.loaded()
        .filter(({ device }) => device === one.name)
        .reduce((sum, { onDevice, heldBytes }) => sum + onDevice + heldBytes, 0)
      return { ...one, memoryFree: Math.min(one.memoryTotal, one.memoryFree + ours) }
    })
  }

  /**
   * Returns the free bytes of system memory. Weights that are only mapped from their file already
   * count as free there.
   */
  async free(): Promise<number> {
    const ours = this.loaded().filter(({ device }) => device === 'cpu')
    const taken = await Promise.all(
      ours.map(async (model) => model.heldBytes + (await this.repacked(model.file))),
    )
    return taken.reduce((sum, bytes) => sum + bytes, this.system())
  }
}
