import { bundledModel } from '../host/models.ts'
import { loadAddon } from '../native/index.ts'
import { Engine } from '../think/engine.ts'
import { braidVersion } from '../version.ts'

/** The engine in this process. Errors: `native-missing`. */
export function openEngine(): Engine {
  return new Engine({ addon: loadAddon(), version: braidVersion(), bundledModel: bundledModel() ?? undefined })
}
