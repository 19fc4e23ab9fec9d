/** What the @node-llama-cpp packages contain, by platform. The build, the staging and the tests use this one description. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './process.ts'

export {
  platformPackages,
  type GpuBackend,
  type PlatformPackages,
} from '../../engine/devices/packages.ts'

export interface GgmlFiles {
  /** Folder of the files below, which are plain names. */
  folder: string
  /** The backend registry and ggml itself, which libllama links. */
  ggml: string
  base: string
  /** One CPU backend per instruction set; ggml picks the best when it loads a folder. */
  cpu: string[]
  /** Loaded with the CPU: BLAS (Accelerate) on macOS. */
  accel: string[]
  metal?: string
  vulkan?: string
  cuda?: string
  /** libllama: the unpatched one in a package, ours in a build. */
  llama?: string
}

/** Sorts file names into their roles. `platform` is Node's; throws if a package lacks ggml. */
export function sortFiles(
  folder: string,
  names: readonly string[],
  platform: NodeJS.Platform,
): GgmlFiles {
  const lib = platform === 'win32' ? '' : 'lib'
  const shared = platform === 'win32' ? 'dll' : platform === 'darwin' ? 'dylib' : 'so'
  const plugin = platform === 'win32' ? 'dll' : 'so' // on macOS, too, backends are named .so
  // libggml.v0.4.0.so, libggml.metal.v0.4.0.dylib, ggml.cuda.v0.4.0.dll; built from source: libggml.so.0, libggml.0.dylib, ggml.dll
  const main = (stem: string) =>
    new RegExp(
      `^${lib}${stem}(\\.(metal|vulkan|cuda))?(\\.v\\d+\\.\\d+\\.\\d+\\.${shared}|\\.${shared}\\.\\d+|\\.\\d+\\.${shared}|\\.dll)$`,
    )
  const baseName = new RegExp(
    `^${lib}ggml-base(\\.${shared}|\\.${shared}\\.\\d+|\\.\\d+\\.${shared})$`,
  )
  const backend = new RegExp(`^${lib}ggml-(cpu|blas|metal|vulkan|cuda)(-[\\w.]+)?\\.${plugin}$`)

  const one = (pattern: RegExp) =>
    names.filter((name) => pattern.test(name)).sort((a, b) => b.length - a.length)[0]
  const backends = (kind: string) => names.filter((name) => backend.exec(name)?.[1] === kind).sort()
  const ggml = one(main('ggml'))
  const base = one(baseName)
  if (!ggml || !base)
    throw new SetupError(
      `${folder} does not hold ggml (${ggml ?? '?'}, ${base ?? '?'}); it holds: ${names.join(', ')}`,
    )
  return {
    folder,
    ggml,
    base,
    cpu: backends('cpu'),
    accel: backends('blas'),
    metal: backends('metal')[0],
    vulkan: backends('vulkan')[0],
    cuda: backends('cuda')[0],
    llama: one(main('llama')),
  }
}

/** Returns the only folder under `bins/` of an unpacked package. */
export function binsFolder(packageDir: string): string {
  const [folder, ...more] = readdirSync(join(packageDir, 'bins'))
  if (!folder || more.length > 0)
    throw new SetupError(
      `${packageDir}/bins holds ${more.length + (folder ? 1 : 0)} folders, expected one`,
    )
  return join(packageDir, 'bins', folder)
}

/** Returns the files of an unpacked platform package by role. */
export function readPackage(packageDir: string, platform: NodeJS.Platform): GgmlFiles {
  const folder = binsFolder(packageDir)
  return sortFiles(folder, readdirSync(folder), platform)
}
