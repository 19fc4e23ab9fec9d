import { bundledModel } from '../host/models.ts'
import { loadAddon } from '../native/index.ts'
import type { Engine } from '../think/engine.ts'
import { braidVersion } from '../version.ts'

/** The engine in this process, read in only by the commands that think. Errors: `native-missing`. */
export async function openEngine(): Promise<Engine> {
  const { Engine } = await import('../think/engine.ts')
  return new Engine({ addon: loadAddon(), version: braidVersion(), bundledModel: bundledModel() ?? undefined })
}
