import { Devices } from '../devices/index.ts'
import { bundledModel } from '../models/manifest.ts'
import { loadAddon } from '../native/index.ts'
import type { Engine } from '../think/engine.ts'
import { dataFolder } from '../transcripts/folder.ts'
import { braidVersion } from '../version.ts'

/**
 * The engine in this process, read in only by the commands that think. Unless only the CPU is wanted, each GPU backend is
 * tried in a process of its own first. Errors: `native-missing`.
 */
export async function openEngine(device?: string): Promise<Engine> {
  const addon = device?.toLowerCase() === 'cpu' ? loadAddon({ gpu: false }) : await new Devices(dataFolder()).open()
  const { Engine } = await import('../think/engine.ts')
  return new Engine({ addon, version: braidVersion(), bundledModel: bundledModel() ?? undefined })
}
