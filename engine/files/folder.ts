import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fail } from '../protocol/errors.ts'
import type { Term } from '../protocol/wording-more.ts'
import { diskError } from './disk-error.ts'

/**
 * Ensures that a folder exists; creates what is missing of its path, with mode 0700. Node's own
 * recursive `mkdir` never ends where the system reports that an existing parent is missing, as
 * Linux does in /proc. Throws `bad-path` if a part of the path is a file, `io` or `disk-full`.
 */
export function makeFolder(folder: string, doing: Term = 'Creating a folder'): void {
  const missing: string[] = []
  try {
    for (let path = resolve(folder); ; path = dirname(path)) {
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat?.isDirectory()) break
      if (stat !== undefined || path === dirname(path))
        throw fail('bad-path/no-folder', { doing, path })
      missing.unshift(path)
    }
    for (const path of missing) make(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw fail('io/create-folder', { doing, folder }, { cause: error })
    throw diskError(error, doing)
  }
}

function make(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process has created it.
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST'
    if (!exists || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}
