import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { BraidError } from '../protocol/errors.ts'

const BEAT_MS = 10_000
/** A lock not touched for this long is stale, even if another program now has its process id. */
const STALE_MS = 60_000
const PATIENCE_MS = 10_000

/** A lock file with a process id: a process of Braid is writing something, such as a run. */
export class WriteLock {
  readonly #file: string
  readonly #beat: NodeJS.Timeout

  /** Takes the lock. Errors: `bad-request` if another process holds it; file system errors. */
  constructor(file: string, what = 'this run') {
    this.#file = file
    if (!create(file)) {
      if (!isLocked(file)) rmSync(file, { force: true })
      if (!create(file))
        throw new BraidError('bad-request', `Another Braid process is working on ${what}.`)
    }
    this.#beat = setInterval(() => this.#touch(), BEAT_MS)
    this.#beat.unref()
  }

  /** Waits up to ten seconds for the lock. Errors: those of the constructor. */
  static async wait(file: string, what: string): Promise<WriteLock> {
    for (const end = Date.now() + PATIENCE_MS; ; await setTimeout(20)) {
      try {
        return new WriteLock(file, what)
      } catch (error) {
        if (!(error instanceof BraidError) || Date.now() > end) throw error
      }
    }
  }

  #touch(): void {
    try {
      utimesSync(this.#file, new Date(), new Date())
    } catch {
      // The lock was deleted by hand; the run continues.
    }
  }

  release(): void {
    clearInterval(this.#beat)
    rmSync(this.#file, { force: true })
  }
}

/** Creates the lock file; returns false if it exists. */
function create(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    rmSync(file, { force: true })
    throw error
  }
}

/** Returns whether a live process holds the lock. */
export function isLocked(file: string, now = Date.now()): boolean {
  try {
    const text = readFileSync(file, 'utf8')
    if (now - statSync(file).mtimeMs > STALE_MS) return false
    if (text === '') return true // just created: the process id is written next
    const pid = Number(text)
    if (!Number.isInteger(pid) || pid <= 0) return false
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Returns whether a process is a zombie, which still accepts signals. Only Linux reports it
 * (proc(5), the state after the name).
 */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return /^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1))
  } catch {
    return false
  }
}
