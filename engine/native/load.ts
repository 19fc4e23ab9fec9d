import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findAbove } from '../programs/index.ts'
import { BraidError } from '../protocol/errors.ts'
import type { NativeAddon } from './types.ts'

export type * from './types.ts'

/**
 * The part of build/native/backends.json (written by scripts/native) that loading needs; file names
 * are relative to it.
 */
interface BackendsFile {
  addon: string
  llamaCpp: { tag: string; bundleCommit: string }
  /** ggml's CPU backend, one library per instruction set. */
  cpu: string[]
  /** Loaded in addition to the CPU backend: BLAS on macOS. */
  accel: string[]
  gpu: { backend: string; file: string }[]
  rpc: { library: string; server: string; protocol: string }
}

/** An installed GPU backend, and whether it could be loaded on this machine. */
export interface GpuBackendState {
  backend: string
  loaded: boolean
}

export interface LoadedAddon extends NativeAddon {
  /** The CPU variant in use, such as `haswell`; '' if ggml was built without variants. */
  readonly cpu: string
  readonly gpu: GpuBackendState[]
  /** Tag and commit of the pinned llama.cpp. */
  readonly llamaCpp: { tag: string; bundleCommit: string }
}

/**
 * Returns the folder of the finished native build: BRAID_NATIVE, or build/native above this file.
 * Errors: `native-missing`.
 */
export function nativeFolder(): string {
  if (process.env.BRAID_NATIVE) return process.env.BRAID_NATIVE
  const backends = findAbove('build', 'native', 'backends.json')
  if (backends === undefined)
    throw new BraidError('native-missing', 'The native engine is not built. Run `npm run setup`.')
  return dirname(backends)
}

let loaded: LoadedAddon | undefined
let abandoned = false

/**
 * Lets the process exit without waiting for native threads: after a worker was lost, one of them
 * waits for an answer that never comes. Nothing native may be used afterwards.
 */
export function abandonAddon(): void {
  abandoned = true
}

/** Returns whether `abandonAddon` was called. */
export const isAbandoned = (): boolean => abandoned

/** A GPU backend's library. */
export interface GpuLibrary {
  backend: string
  /** Absolute path. */
  file: string
}

function readBackends(folder: string): BackendsFile {
  return JSON.parse(readFileSync(join(folder, 'backends.json'), 'utf8')) as BackendsFile
}

/**
 * Returns the pinned llama.cpp that the engine was built from, without loading it. Errors: an
 * `Error` if none is built.
 */
export function builtFrom(): { tag: string; bundleCommit: string } {
  return readBackends(nativeFolder()).llamaCpp
}

/** Returns the GPU backends of this build. Errors: `native-missing`. */
export function builtLibraries(): GpuLibrary[] {
  const folder = nativeFolder()
  return readBackends(folder).gpu.map(({ backend, file }) => ({
    backend,
    file: join(folder, file),
  }))
}

/**
 * Returns ggml's RPC backend and its server as absolute paths, and the version of their protocol.
 * Errors: an `Error` if none is built.
 */
export function builtRpc(): { library: string; server: string; protocol: string } {
  const folder = nativeFolder()
  const { library, server, protocol } = readBackends(folder).rpc
  return { library: join(folder, library), server: join(folder, server), protocol }
}

/** A build of ggml's CPU backend for one instruction set. */
export interface CpuVariant {
  /** From the library's name: `haswell` for libggml-cpu-haswell.so. */
  name: string
  /** Absolute path. */
  file: string
  /** Above 0; a higher score suits this processor better. */
  score: number
}

/**
 * Returns the CPU variants of this build that run on this processor, the best first. Errors:
 * `native-missing`.
 */
export function cpuVariants(): CpuVariant[] {
  const folder = nativeFolder()
  const { addon, file } = openAddon(folder)
  return file.cpu
    .map((library) => ({
      name: variantName(library),
      file: join(folder, library),
      score: addon.backendScore(join(folder, library)),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
}

const variantName = (library: string): string => /ggml-cpu-(.+)\.[a-z]+$/.exec(library)?.[1] ?? ''

/**
 * Returns the variant named by BRAID_CPU, else the best one. Errors: `native-missing`,
 * `unknown-device`.
 */
function chooseCpu(): CpuVariant {
  const variants = cpuVariants()
  const asked = process.env.BRAID_CPU ?? ''
  const chosen = asked === '' ? variants[0] : variants.find(({ name }) => name === asked)
  if (chosen !== undefined) return chosen
  const folder = nativeFolder()
  if (variants.length === 0)
    throw new BraidError(
      'native-missing',
      `No CPU backend in ${folder} runs on this machine. Run \`npm run setup\`.`,
    )
  const built = readBackends(folder).cpu.map(variantName).includes(asked)
  throw new BraidError(
    'unknown-device',
    `${built ? 'This processor cannot run' : 'This build has no'} CPU variant "${asked}" (BRAID_CPU). It can run: ${variants.map(({ name }) => name).join(', ')}.`,
  )
}

function openAddon(folder: string): { addon: NativeAddon; file: BackendsFile } {
  try {
    const file = readBackends(folder)
    return {
      file,
      addon: createRequire(import.meta.url)(join(folder, file.addon)) as NativeAddon,
    }
  } catch (error) {
    throw new BraidError(
      'native-missing',
      `The native engine cannot be loaded: ${(error as Error).message}. Run \`npm run setup\`.`,
      { cause: error },
    )
  }
}

/**
 * Loads the addon and its backends. The CPU backend is the variant that BRAID_CPU names, else the
 * best one for this processor. The GPU backends are those of `gpu` (engine/devices tests them
 * first), by default all that were built, or none if `false`; a backend whose driver is missing is
 * not loaded. Later calls return the first call's result. Errors: `native-missing`,
 * `unknown-device`.
 */
export function loadAddon(options: { gpu?: boolean | readonly GpuLibrary[] } = {}): LoadedAddon {
  if (loaded) return loaded
  const folder = nativeFolder()
  const { addon, file } = openAddon(folder)
  const cpu = chooseCpu()
  // `process.exit` runs no Node-API cleanup hooks, so a running step could use libraries that are
  // being unloaded.
  process.once('exit', () => {
    if (!abandoned) addon.leave()
  })
  for (const library of file.accel) addon.loadBackend(join(folder, library))
  if (!addon.loadBackend(cpu.file))
    throw new BraidError('native-missing', `${cpu.file} cannot be loaded. Run \`npm run setup\`.`)
  const wanted =
    options.gpu === false
      ? []
      : options.gpu === undefined || options.gpu === true
        ? builtLibraries()
        : options.gpu
  const gpu = wanted.map((library) => ({
    backend: library.backend,
    loaded: addon.loadBackend(library.file),
  }))
  loaded = Object.assign(addon, { cpu: cpu.name, gpu, llamaCpp: file.llamaCpp })
  return loaded
}
