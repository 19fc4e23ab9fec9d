import { randomBytes } from 'node:crypto'
import { lstatSync, realpathSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { diskError } from '../files/index.ts'
import { fail } from '../protocol/errors.ts'
import { experimentOf } from '../protocol/lab.ts'
import { RunId } from '../protocol/wire.ts'

/** Windows opens these names as devices, whatever the extension. */
const RESERVED = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])$/i

/** Returns an id such as `20261124-053515-9f2c81`. Ids sort by time. */
export function newRunId(now = new Date()): string {
  const [day, time] = now.toISOString().replace(/[-:]/g, '').split(/[T.]/)
  return `${day}-${time}-${randomBytes(3).toString('hex')}`
}

/** Returns whether this is a name that `newRunId` makes; other runs were named by hand. */
export function isOwnRunId(run: string): boolean {
  return /^\d{8}-\d{6}-[0-9a-f]{6}$/.test(run)
}

export function isRunId(run: unknown): run is string {
  return RunId.safeParse(run).success && !RESERVED.test(run as string)
}

/** Returns the folder of an experiment's runs, which the history does not list. */
export const experimentFolder = (root: string, experiment: string): string =>
  join(root, 'lab', experiment)

/**
 * Returns the path of a run's file inside `root`, which must be a real path (`realpathSync`); the
 * runs of an experiment have a folder of their own there. The path must be a regular file directly
 * inside its folder, or not exist yet. Throws `bad-path`.
 */
export function runFile(root: string, run: string, extension: string): string {
  if (!isRunId(run))
    throw fail('bad-path/run', { reason: `'${printable(run)}' cannot be the name of a run.` })
  const experiment = experimentOf(run)
  const folder = experiment === null ? root : experimentFolder(root, experiment)
  const file = join(folder, run + extension)
  const stat = lstat(file)
  if (stat !== undefined && !stat.isFile())
    throw fail('bad-path/run', { reason: `${run}${extension} is not a regular file.` })
  if (stat !== undefined && realpathSync(file) !== file)
    throw fail('bad-path/run', { reason: `${run}${extension} is outside its folder.` })
  return file
}

/** Returns undefined if there is nothing of this name. Throws `io`. */
export function lstat(file: string): Stats | undefined {
  try {
    return lstatSync(file, { throwIfNoEntry: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw diskError(error, 'Looking for a file')
  }
}

function printable(text: unknown): string {
  return String(text)
    .slice(0, 80)
    .replace(/[^\x20-\x7e]/g, '?')
}
