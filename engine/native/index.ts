export { abortable } from './abortable.ts'
export {
  builtFrom,
  builtLibraries,
  cpuVariants,
  loadAddon,
  nativeFolder,
  type CpuVariant,
  type GpuBackendState,
  type GpuLibrary,
  type LoadedAddon,
} from './load.ts'
export type * from './types.ts'
