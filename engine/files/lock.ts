import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { BraidError } from '../protocol/errors.ts'

const BEAT_MS = 10_000
/** A lock that nobody touched for so long is dead, even where its process number lives on in another program. */
const STALE_MS = 60_000
const PATIENCE_MS = 10_000

/** Says that a process of Braid (the window's engine, a terminal) writes something, such as a run: a file with its process number. */
export class WriteLock {
  readonly #file: string
  readonly #beat: NodeJS.Timeout

  /** Errors: `bad-request` (another process writes it), those of the file system. */
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

  /** Waits for its turn, ten seconds at most. Errors: as the constructor. */
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
      // Taken away by hand: the run goes on.
    }
  }

  release(): void {
    clearInterval(this.#beat)
    rmSync(this.#file, { force: true })
  }
}

/** false: there is one. */
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

/** True while a living process holds the lock. */
export function isLocked(file: string, now = Date.now()): boolean {
  try {
    const text = readFileSync(file, 'utf8')
    if (now - statSync(file).mtimeMs > STALE_MS) return false
    if (text === '') return true // Just made: its number comes next.
    const pid = Number(text)
    if (!Number.isInteger(pid) || pid <= 0) return false
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A process that is dead but not yet buried by its parent still takes signals. Only Linux tells (proc(5): the state behind the name). */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return /^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1))
  } catch {
    return false
  }
}
