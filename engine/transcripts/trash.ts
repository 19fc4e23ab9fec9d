import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { diskError, makeFolder, MAX_OWN_FILE, readText, writeAtomic } from '../files/index.ts'
import { fail } from '../protocol/errors.ts'
import { isOwnRunId, isRunId, lstat } from './names.ts'

const DAY_MS = 86_400_000
const KEPT_MS = 30 * DAY_MS
/** Files of a run that are moved here. */
export const MOVED = ['.meta.json', '.alt', '.jsonl'] as const

/**
 * When the sweeps of earlier starts saw each run here, by `Date.now()`: first, and first as one
 * that has been here long enough.
 */
const Sights = z.record(z.string(), z.object({ seen: z.number(), due: z.number().optional() }))
type Sights = z.infer<typeof Sights>

/**
 * The folder of deleted runs. A run is removed for good only after two starts, at least a day
 * apart, found it here for 30 days: a clock that is wrong once removes nothing. Nothing else in the
 * folder is touched, and nothing at all if it is not a folder itself but a link.
 */
export class Trash {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Returns the folder's path; creates it if it is missing. Throws `bad-path` and disk errors. */
  folder(): string {
    const stat = lstat(this.#path)
    if (stat === undefined) makeFolder(this.#path)
    else if (!stat.isDirectory())
      throw fail('bad-path/run', {
        reason: `${this.#path} is not a folder of its own, so Braid moves nothing there. Move it away.`,
      })
    return this.#path
  }

  /** Removes the runs whose time is over. Errors of the file system end it; it is not urgent. */
  sweep(now = Date.now()): void {
    try {
      this.folder()
      const files = this.#files()
      const before = this.#sights()
      const after: Sights = {}
      for (const [run, names] of files) {
        const sight = this.#look(names, before.get(run), now)
        if (sight.due !== undefined && now - sight.due >= DAY_MS)
          for (const name of names) rmSync(join(this.#path, name), { force: true })
        else after[run] = sight
      }
      if (files.size > 0 || before.size > 0) writeAtomic(this.#record, JSON.stringify(after) + '\n')
    } catch {
      // Everything stays until a later start.
    }
  }

  /** Removes every run here for good, and returns how many there were. Throws disk errors. */
  empty(): number {
    try {
      this.folder()
      const files = this.#files(isRunId)
      for (const name of [...files.values()].flat()) rmSync(join(this.#path, name), { force: true })
      return files.size
    } catch (error) {
      throw diskError(error, 'Emptying the trash')
    }
  }

  /** Returns the files of each run that Braid moved here. */
  #files(counts: (run: string) => boolean = isOwnRunId): Map<string, string[]> {
    const files = new Map<string, string[]>()
    for (const name of readdirSync(this.#path)) {
      const suffix = MOVED.find((one) => name.endsWith(one))
      const run = name.slice(0, -(suffix?.length ?? 0))
      if (suffix === undefined || !counts(run)) continue
      if (lstat(join(this.#path, name))?.isFile() === true)
        files.set(run, [...(files.get(run) ?? []), name])
    }
    return files
  }

  /** What an earlier sight in the future says was written by a wrong clock, and counts for nothing. */
  #look(names: readonly string[], before: Sights[string] | undefined, now: number): Sights[string] {
    const seen = before !== undefined && before.seen <= now ? before.seen : now
    const moved = Math.max(...names.map((name) => lstat(join(this.#path, name))?.ctimeMs ?? now))
    if (now - Math.max(seen, moved) < KEPT_MS) return { seen }
    const due = before?.due !== undefined && before.due <= now ? before.due : now
    return { seen, due }
  }

  get #record(): string {
    return join(this.#path, 'sights.json')
  }

  #sights(): Map<string, Sights[string]> {
    try {
      return new Map(Object.entries(Sights.parse(JSON.parse(readText(this.#record, MAX_OWN_FILE)))))
    } catch {
      return new Map()
    }
  }
}
