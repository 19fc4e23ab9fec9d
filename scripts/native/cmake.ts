/** Calls CMake the same way for llama.cpp and for the addon. */
import { availableParallelism } from 'node:os'
import { buildFraction, type OnProgress } from './progress.ts'
import { probe, run } from './process.ts'

/** Binaries find their libraries beside themselves, so a build folder is relocatable. */
const rpath: Partial<Record<NodeJS.Platform, string>> = { linux: '$ORIGIN', darwin: '@loader_path' }

export type CMakeOptions = Record<string, string | boolean>

/** Configures `source` into `build`; all output goes to `bin`, without subfolders. */
export async function configure(
  source: string,
  build: string,
  bin: string,
  options: CMakeOptions,
): Promise<void> {
  const all: CMakeOptions = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_BUILD_WITH_INSTALL_RPATH: true,
    CMAKE_INSTALL_RPATH: rpath[process.platform] ?? '',
    // Visual Studio would add a Release/ folder
    CMAKE_RUNTIME_OUTPUT_DIRECTORY_RELEASE: bin,
    CMAKE_LIBRARY_OUTPUT_DIRECTORY_RELEASE: bin,
    CMAKE_ARCHIVE_OUTPUT_DIRECTORY_RELEASE: bin,
    ...options,
  }
  const ninja = process.platform !== 'win32' && (await probe('ninja', ['--version'])) !== undefined
  const definitions = Object.entries(all).map(
    ([name, value]) => `-D${name}=${value === true ? 'ON' : value === false ? 'OFF' : value}`,
  )
  await run('cmake', ['-S', source, '-B', build, ...(ninja ? ['-G', 'Ninja'] : []), ...definitions])
}

/** Builds `targets`, reporting progress under `phase`. */
export async function build(
  folder: string,
  targets: readonly string[],
  phase: string,
  onProgress: OnProgress,
): Promise<void> {
  onProgress({ phase, fraction: 0 })
  const args = [
    '--build',
    folder,
    '--config',
    'Release',
    '--parallel',
    String(availableParallelism()),
    '--target',
    ...targets,
  ]
  await run('cmake', args, {
    onLine: (line) => {
      const fraction = buildFraction(line)
      if (fraction !== undefined && fraction < 1) onProgress({ phase, fraction })
    },
  })
  onProgress({ phase, fraction: 1 })
}
