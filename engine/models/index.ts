export { type FitQuestion, Fits, judge, sizeNewRun, systemFree, systemTotal } from './fit.ts'
export { layersToPut } from './gpu-layers.ts'
export { Hub } from './hub-access.ts'
export { type KnownModel, filesOf, readModel, readModelInfo } from './info.ts'
export { TokenCounter } from './count.ts'
export { triedModelInfo } from './trial.ts'
export { convertedName, jobs, takeMade } from './jobs.ts'
export {
  type Inspect,
  type LoadedModel,
  Models,
  type ModelsOptions,
  type Unloaded,
} from './loaded.ts'
export { bundledModel, readCatalogue, readManifest } from './manifest.ts'
export { firstPart } from './model-files.ts'
export { ModelRegistry } from './registry.ts'
export { type Progress, Tasks } from './tasks.ts'
