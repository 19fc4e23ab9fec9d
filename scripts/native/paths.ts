/** Paths of the checkout (or installed package), the cache and the finished build. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

function findRoot(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'patches', 'pin.json'))) return dir
    if (dir === dirname(dir))
      throw new Error('patches/pin.json was not found above ' + fileURLToPath(import.meta.url))
  }
}

export const root = findRoot()
export const patchesDir = join(root, 'patches')
export const addonDir = join(root, 'engine', 'native')
/** The finished addon, its libraries and backends.json. Self-contained and relocatable. */
export const nativeDir = join(root, 'build', 'native')

/** Downloads and the patched llama.cpp. With BRAID_CACHE, several checkouts or CI runs share one cache. */
export function cacheDir(): string {
  return process.env.BRAID_CACHE ? resolve(process.env.BRAID_CACHE) : join(root, '.cache')
}

// Not by the room's door, which opens on all of the engine: the npm package has only this file.
export { readPin, type Pin } from '../../engine/devices/packages.ts'
