import { resolve } from 'node:path'
import { Devices } from '../devices/index.ts'
import { bundledModel } from '../models/manifest.ts'
import { firstPart } from '../models/model-files.ts'
import { ModelRegistry } from '../models/registry.ts'
import { loadAddon } from '../native/index.ts'
import type { Engine } from '../think/engine.ts'
import { dataFolder } from '../transcripts/folder.ts'
import { braidVersion } from '../version.ts'
import type { EngineFlags } from './engine-flags.ts'

/**
 * The engine in this process, read in only by the commands that think. Unless only the CPU is wanted, each GPU backend is
 * tried in a process of its own first. Errors: `native-missing`.
 */
export async function openEngine(device?: string): Promise<Engine> {
  const addon = device?.toLowerCase() === 'cpu' ? loadAddon({ gpu: false }) : await new Devices(dataFolder()).open()
  const { Engine } = await import('../think/engine.ts')
  return new Engine({ addon, version: braidVersion(), bundledModel: bundledModel() ?? undefined })
}

/** The flags with the device that was chosen for their model in the window, where they name none. */
export async function withChosenDevice<F extends EngineFlags>(flags: F): Promise<F> {
  const model = flags.model ?? bundledModel()
  if (flags.device !== undefined || model === null) return flags
  // A list that cannot be read chooses nothing.
  const device = await new ModelRegistry(dataFolder()).device(firstPart(resolve(model))).catch(() => undefined)
  return device === undefined ? flags : { ...flags, device }
}
