import { systemFree } from '../models/index.ts'
import type { DeviceInfo } from '../protocol/wire.ts'
import type { Engine } from '../run/index.ts'

type Loaded = Pick<
  ReturnType<Engine['loaded']>[number],
  'file' | 'device' | 'onDevice' | 'heldBytes'
>

/** Memory with what Braid's own models take counted as free: they give way to a run that needs it. */
export class OwnMemory {
  /** `repacked`: bytes of a model's weights that the CPU keeps in a layout of its own, beside the file. */
  constructor(
    private readonly loaded: () => readonly Loaded[],
    private readonly repacked: (file: string) => Promise<number>,
    private readonly system = systemFree,
  ) {}

  /** The devices, with what lies on them counted as free. */
  devices(found: readonly DeviceInfo[]): DeviceInfo[] {
    return found.map((one) => {
      const ours = this.loaded()
        .filter(({ device }) => device === one.name)
        .reduce((sum, { onDevice, heldBytes }) => sum + onDevice + heldBytes, 0)
      return { ...one, memoryFree: Math.min(one.memoryTotal, one.memoryFree + ours) }
    })
  }

  /** Bytes of the system's memory; weights that are only mapped from their file count as free there already. */
  async free(): Promise<number> {
    const ours = this.loaded().filter(({ device }) => device === 'cpu')
    const taken = await Promise.all(
      ours.map(async (model) => model.heldBytes + (await this.repacked(model.file))),
    )
    return taken.reduce((sum, bytes) => sum + bytes, this.system())
  }
}
