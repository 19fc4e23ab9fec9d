/** What the rest of the repository calls to build the engine. Everything is cached; a second call reads a few small files. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { buildNative, currentNative, type BackendsFile } from './addon.ts'
import { withLock } from './lock.ts'
import { cacheDir, nativeDir } from './paths.ts'
import { printProgress, type OnProgress } from './progress.ts'
import {
  buildCoreTests,
  buildServer,
  builtServer,
  buildStockGreedy,
  buildTools,
  type Tools,
} from './tools-build.ts'

export { nativeDir, cacheDir } from './paths.ts'
export { readBackends, type BackendsFile } from './addon.ts'
export { SetupError } from './process.ts'
export { coreTestsMissing, serverMissing, stockLlama, type Tools } from './tools-build.ts'

async function locked<T>(onProgress: OnProgress, work: () => Promise<T>): Promise<T> {
  await mkdir(cacheDir(), { recursive: true })
  return withLock(
    join(cacheDir(), 'setup.lock'),
    () => onProgress({ phase: 'Waiting for another setup' }),
    work,
  )
}

/** Brings build/native up to date: fetches, patches and compiles what is missing. `folder` holds braid.node and backends.json. */
export async function ensureNative(
  onProgress: OnProgress = printProgress(),
): Promise<BackendsFile & { folder: string }> {
  const staged =
    (await currentNative()) ??
    (await locked(onProgress, async () => (await currentNative()) ?? buildNative(onProgress)))
  return { ...staged, folder: nativeDir }
}

/** Builds llama-batched-bench and llama-quantize, for `npm run bench` and tests. */
export function ensureTools(onProgress: OnProgress = printProgress()): Promise<Tools> {
  return locked(onProgress, () => buildTools(onProgress))
}

/** Builds llama-server, for tests of models on servers (Linux). */
export async function ensureServer(onProgress: OnProgress = printProgress()): Promise<string> {
  return (await builtServer()) ?? locked(onProgress, () => buildServer(onProgress))
}

/** Builds a greedy decoder over the unpatched libllama of the npm package: `stock-greedy MODEL N THREADS FLASH(0|1) ID...`. */
export function ensureStockGreedy(onProgress: OnProgress = printProgress()): Promise<string> {
  return locked(onProgress, () => buildStockGreedy(onProgress))
}

/** Builds the tests of engine/native/core under sanitizers: `core-tests LIBRARIES MODEL NAME`. */
export function ensureCoreTests(
  onProgress: OnProgress = printProgress(),
): Promise<{ program: string; libraries: string }> {
  return locked(onProgress, () => buildCoreTests(onProgress))
}
