import { stat } from 'node:fs/promises'

/**
 * A file that changed more recently than this may change again without a new timestamp, so its
 * result is not kept.
 */
const SETTLED_MS = 2000
const KEPT = 32

/**
 * Returns a `read` that caches its result per file. Later calls return the same result while path,
 * size, inode and times of change of all files of `filesOf` stay the same. Errors are not cached.
 * Results are kept for the last 32 files.
 */
export function readOnce<T>(
  read: (file: string) => Promise<T>,
  filesOf: (file: string) => string[],
  settledMs = SETTLED_MS,
): (file: string) => Promise<T> {
  const known = new Map<string, { stamp: string; result: Promise<T> }>()
  return async (file) => {
    const { stamp, settled } = await stampOf(filesOf(file), settledMs)
    const before = known.get(file)
    if (before?.stamp === stamp) return before.result
    const result = read(file)
    known.delete(file)
    if (!settled) return result
    known.set(file, { stamp, result })
    result.catch(() => {
      if (known.get(file)?.result === result) known.delete(file)
    })
    if (known.size > KEPT) known.delete(known.keys().next().value!)
    return result
  }
}

/**
 * Returns a stamp that identifies the current state of these files, and whether none of them
 * changed just now. A missing file has a stamp, too.
 */
export async function stampOf(
  files: readonly string[],
  settledMs = SETTLED_MS,
): Promise<{ stamp: string; settled: boolean }> {
  const stats = await Promise.all(files.map((file) => stat(file).catch(() => undefined)))
  const now = Date.now()
  return {
    stamp: JSON.stringify(stats.map((one) => one && [one.size, one.mtimeMs, one.ctimeMs, one.ino])),
    settled: stats.every((one) => one !== undefined && now - one.ctimeMs > settledMs),
  }
}
