export { type CudaMajor, installedCuda } from './cuda.ts'
export { Devices } from './devices.ts'
export { HardwareMeter } from './hardware.ts'
export {
  type GpuBackend,
  type Pin,
  type PlatformPackages,
  platformPackages,
  readPin,
} from './packages.ts'
