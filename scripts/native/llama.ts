/** The patched libllama, built once per cache against the prebuilt ggml of this platform, or together with ggml if there is none. */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build, configure, type CMakeOptions } from './cmake.ts'
import { moduleDefinition, readDllExports } from './exports.ts'
import { fetchPackage } from './fetch.ts'
import {
  platformPackages,
  readPackage,
  sortFiles,
  type GgmlFiles,
  type PlatformPackages,
} from './layout.ts'
import { addonDir, cacheDir, patchesDir, readPin, root } from './paths.ts'
import { SetupError } from './process.ts'
import type { OnProgress } from './progress.ts'
import { applyPatches, cloneSource, listPatches, sourceBundle } from './source.ts'
import { requireTools } from './tools.ts'

/** Oldest glibc that the Linux packages run on (their binaries need GLIBC_2.34). */
const oldestGlibc = [2, 34] as const

/** Returns this platform's packages, or undefined if ggml must be built from source (BRAID_GGML=source forces that). */
export function usablePackages(): PlatformPackages | undefined {
  if (process.env.BRAID_GGML === 'source') return undefined
  if (process.platform === 'linux') {
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
    const [major = 0, minor = 0] = (header.glibcVersionRuntime ?? '').split('.').map(Number)
    if (major < oldestGlibc[0] || (major === oldestGlibc[0] && minor < oldestGlibc[1]))
      return undefined
  }
  return platformPackages[`${process.platform}-${process.arch}`]
}

/** Same features as the packages: CPU variants as plug-ins, no OpenMP. */
const ggmlFromSource: CMakeOptions = {
  GGML_BACKEND_DL: true,
  GGML_NATIVE: false,
  GGML_OPENMP: false,
  GGML_CPU_ALL_VARIANTS: ['x64', 'arm64'].includes(process.arch),
}

const llamaOptions: CMakeOptions = {
  BUILD_SHARED_LIBS: true,
  LLAMA_BUILD_IS_DEV: false,
  LLAMA_BUILD_COMMON: true,
  LLAMA_BUILD_TOOLS: true, // configured for the benchmark, built only on request
  LLAMA_BUILD_SERVER: false,
  LLAMA_BUILD_APP: false,
  LLAMA_BUILD_TESTS: false,
  LLAMA_BUILD_EXAMPLES: false,
  LLAMA_OPENSSL: false,
}

export interface LlamaBuild {
  key: string
  source: string
  /** CMake's build folder. */
  build: string
  /** Libraries, ours and ggml's, side by side. */
  bin: string
  ggmlFrom: 'package' | 'source'
}

/** Returns the place of the build for this pin, these patches and this platform; it may not exist yet. */
export async function llamaBuild(): Promise<LlamaBuild> {
  const ggmlFrom = usablePackages() ? 'package' : 'source'
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify([process.platform, process.arch, ggmlFrom, llamaOptions, ggmlFromSource]),
  )
  for (const name of ['pin.json', ...(await listPatches())])
    hash.update(name).update(readFileSync(join(patchesDir, name)))
  for (const name of readdirSync(join(addonDir, 'cmake')).sort())
    hash.update(name).update(readFileSync(join(addonDir, 'cmake', name)))
  const key = hash.digest('hex').slice(0, 12)
  const folder = join(cacheDir(), `llama-${readPin().llamaCpp.tag}-${key}`)
  return {
    key,
    source: join(folder, 'source'),
    build: join(folder, 'build'),
    bin: join(folder, 'build', 'bin'),
    ggmlFrom,
  }
}

/** Makes a hard link if the file system can, else a copy. Replaces an existing file; never writes into it. */
export function placeFile(from: string, to: string): void {
  rmSync(to, { force: true })
  try {
    linkSync(realpathSync(from), to)
  } catch {
    copyFileSync(from, to)
  }
}

/** Writes a .def beside the DLL, from which CMake (cmake/import-library.cmake) makes the import library. */
export function writeDefinition(bin: string, dll: string): void {
  writeFileSync(
    join(bin, `${dll}.def`),
    moduleDefinition(dll, readDllExports(readFileSync(join(bin, dll)))),
  )
}

/** Returns CMake options with which cmake/ggml-config.cmake finds ggml in `files.folder`. */
export function ggmlOptions(files: GgmlFiles, source: string): CMakeOptions {
  return {
    ggml_DIR: join(addonDir, 'cmake'),
    BRAID_GGML_LIBRARY: join(files.folder, files.ggml),
    BRAID_GGML_BASE_LIBRARY: join(files.folder, files.base),
    BRAID_GGML_INCLUDE: join(source, 'ggml', 'include'),
  }
}

/** Returns CMake options with which engine/native/core/CMakeLists.txt finds our libllama, its headers and ggml. */
export function coreOptions(llama: LlamaBuild): CMakeOptions {
  const files = builtFiles(llama.bin)
  if (!files.llama) throw new SetupError(`${llama.bin} has no libllama`)
  return {
    ...ggmlOptions(files, llama.source),
    BRAID_LLAMA_LIBRARY: join(llama.bin, files.llama),
    BRAID_LLAMA_INCLUDE: join(llama.source, 'include'),
  }
}

/** Returns the folder build/`name`, and empties it if it was made for another libllama: CMake's cache would be stale. */
export function buildFolder(name: string, llama: LlamaBuild): string {
  const folder = join(root, 'build', name)
  const note = join(folder, 'llama-bin')
  if (existsSync(folder) && (!existsSync(note) || readFileSync(note, 'utf8') !== llama.bin))
    rmSync(folder, { recursive: true })
  mkdirSync(join(folder, 'bin'), { recursive: true })
  writeFileSync(note, llama.bin)
  return folder
}

/** Returns our libllama and ggml in a finished build. */
export function builtFiles(bin: string): GgmlFiles {
  const files = sortFiles(bin, readdirSync(bin), process.platform)
  // built by GCC 12, this variant crashes in ldtilecfg on a CPU with AMX; the prebuilt one does not
  return existsSync(join(bin, 'from-source'))
    ? { ...files, cpu: files.cpu.filter((name) => !name.includes('sapphirerapids')) }
    : files
}

/** Configures the build. It names files of this checkout, so repeat it before a later build from the same cache. */
export async function configureLlama(paths: LlamaBuild, onProgress: OnProgress): Promise<void> {
  const packages = usablePackages()
  mkdirSync(paths.bin, { recursive: true })
  let options: CMakeOptions
  if (packages) {
    const onFetch = (name: string) => onProgress({ phase: `Fetching ${name}` })
    const files = readPackage(await fetchPackage(packages.base, onFetch), process.platform)
    for (const name of [files.ggml, files.base, ...files.cpu, ...files.accel])
      placeFile(join(files.folder, name), join(paths.bin, name))
    if (process.platform === 'win32')
      for (const name of [files.ggml, files.base]) writeDefinition(paths.bin, name)
    options = {
      LLAMA_USE_SYSTEM_GGML: true,
      ...ggmlOptions({ ...files, folder: paths.bin }, paths.source),
    }
  } else {
    writeFileSync(join(paths.bin, 'from-source'), '')
    options = ggmlFromSource
  }
  onProgress({ phase: 'Configuring libllama' })
  await configure(paths.source, paths.build, paths.bin, {
    ...llamaOptions,
    ...options,
    CMAKE_PROJECT_INCLUDE: join(addonDir, 'cmake', 'unity.cmake'),
  })
}

/**
 * Configures llama-server beside a finished libllama: without its page, optimisation and code for
 * images, since it only has to be built fast.
 */
export async function configureServer(
  paths: LlamaBuild,
  folder: string,
  bin: string,
): Promise<void> {
  mkdirSync(bin, { recursive: true })
  const files = builtFiles(paths.bin)
  for (const name of [files.ggml, files.base, ...files.cpu])
    placeFile(join(paths.bin, name), join(bin, name))
  await configure(paths.source, folder, bin, {
    ...llamaOptions,
    LLAMA_BUILD_SERVER: true,
    LLAMA_BUILD_UI: false,
    LLAMA_USE_PREBUILT_UI: false,
    LLAMA_USE_SYSTEM_GGML: true,
    ...ggmlOptions({ ...files, folder: bin }, paths.source),
    CMAKE_BUILD_TYPE: 'None',
    CMAKE_RUNTIME_OUTPUT_DIRECTORY: bin,
    CMAKE_LIBRARY_OUTPUT_DIRECTORY: bin,
    CMAKE_EXE_LINKER_FLAGS: '-Wl,--allow-shlib-undefined,-z,lazy',
    CMAKE_SHARED_LINKER_FLAGS: '-Wl,-z,lazy',
    CMAKE_PROJECT_INCLUDE: join(root, 'test', 'native', 'server', 'text-only.cmake'),
  })
}

/** Builds what is missing; a finished build returns at once. */
export async function ensureLlama(onProgress: OnProgress): Promise<LlamaBuild> {
  const paths = await llamaBuild()
  const done = join(paths.build, 'done')
  if (existsSync(done)) return paths

  await requireTools()
  if (!existsSync(join(paths.source, '.git', 'index'))) {
    const bundle = await sourceBundle((name) =>
      onProgress({ phase: `Fetching ${name} (llama.cpp source)` }),
    )
    onProgress({ phase: 'Unpacking llama.cpp' })
    await rm(paths.source, { recursive: true, force: true })
    await cloneSource(bundle, paths.source)
  }
  onProgress({ phase: 'Patching llama.cpp' })
  await applyPatches(paths.source)
  await configureLlama(paths, onProgress)
  await build(
    paths.build,
    ['llama'],
    paths.ggmlFrom === 'source' ? 'Compiling libllama and ggml' : 'Compiling libllama',
    onProgress,
  )
  writeFileSync(done, '')
  return paths
}
