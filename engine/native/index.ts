import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findAbove } from '../above.ts'
import { BraidError } from '../protocol/errors.ts'
import type { NativeAddon } from './types.ts'

export type * from './types.ts'

/** The part of build/native/backends.json (written by scripts/native) that loading needs; names are relative to it. */
interface BackendsFile {
  addon: string
  llamaCpp: { tag: string; bundleCommit: string }
  gpu: { backend: string; file: string }[]
}

/** A GPU backend that is installed, and whether it could be loaded here. */
export interface GpuBackendState {
  backend: string
  loaded: boolean
}

export interface LoadedAddon extends NativeAddon {
  readonly gpu: GpuBackendState[]
  /** Tag and commit of the pinned llama.cpp. */
  readonly llamaCpp: { tag: string; bundleCommit: string }
}

/** Folder of the finished native build: BRAID_NATIVE, or build/native above this file. */
export function nativeFolder(): string {
  if (process.env.BRAID_NATIVE) return process.env.BRAID_NATIVE
  const backends = findAbove('build', 'native', 'backends.json')
  if (backends === undefined)
    throw new BraidError('native-missing', 'The native engine is not built. Run `npm run setup`.')
  return dirname(backends)
}

let loaded: LoadedAddon | undefined

/** A GPU backend's library. */
export interface GpuLibrary {
  backend: string
  /** Its whole path. */
  file: string
}

function readBackends(folder: string): BackendsFile {
  return JSON.parse(readFileSync(join(folder, 'backends.json'), 'utf8')) as BackendsFile
}

/** The pinned llama.cpp that the engine was built from, without loading it. Errors: an `Error` where none is built. */
export function builtFrom(): { tag: string; bundleCommit: string } {
  return readBackends(nativeFolder()).llamaCpp
}

/** GPU backends that were built in. Errors: `native-missing`. */
export function builtLibraries(): GpuLibrary[] {
  const folder = nativeFolder()
  return readBackends(folder).gpu.map(({ backend, file }) => ({
    backend,
    file: join(folder, file),
  }))
}

/**
 * The addon with its backends: the best CPU variant for this machine, and each GPU backend: those of `gpu` (engine/devices
 * tries them first), else those that were built in; `false`: none. A GPU backend without its driver stays unloaded.
 * The first call decides. Errors: `native-missing`.
 */
export function loadAddon(options: { gpu?: boolean | readonly GpuLibrary[] } = {}): LoadedAddon {
  if (loaded) return loaded
  const folder = nativeFolder()
  let file: BackendsFile
  let addon: NativeAddon
  try {
    file = readBackends(folder)
    addon = createRequire(import.meta.url)(join(folder, file.addon)) as NativeAddon
  } catch (error) {
    throw new BraidError(
      'native-missing',
      `The native engine cannot be loaded: ${(error as Error).message}. Run \`npm run setup\`.`,
      { cause: error },
    )
  }
  // `process.exit` runs no cleanup hook of Node-API: a step under way would meet libraries that are taken apart.
  process.once('exit', () => addon.leave())
  if (!addon.loadCpuBackend(folder))
    throw new BraidError(
      'native-missing',
      `No CPU backend in ${folder} runs on this machine. Run \`npm run setup\`.`,
    )
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
  loaded = Object.assign(addon, { gpu, llamaCpp: file.llamaCpp })
  return loaded
}
