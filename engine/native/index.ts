export { abortable } from './abortable.ts'
export {
  abandonAddon,
  builtFrom,
  builtLibraries,
  builtRpc,
  cpuVariants,
  isAbandoned,
  loadAddon,
  nativeFolder,
  type CpuVariant,
  type GpuBackendState,
  type GpuLibrary,
  type LoadedAddon,
} from './load.ts'
export type * from './types.ts'
