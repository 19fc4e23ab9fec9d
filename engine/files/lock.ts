import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { BraidError, fail } from '../protocol/errors.ts'
import { ownName, stateOf } from './owner.ts'
import { readText } from './regular.ts'

const BEAT_MS = 10_000
/** A lock whose owner may be alive is stale once it has not been touched for this long. */
const STALE_MS = 60_000
const PATIENCE_MS = 10_000
const PAUSE_MS = 20
/** More than the name of a process has. */
const MAX_NAME = 4096

/**
 * A lock file: a process of Braid is writing something, such as a run. It holds the name of its
 * process (`ownName`) and is held as long as that process lives, also while it is stopped. Only
 * where this cannot be known, it must be touched every minute.
 */
export class WriteLock {
  readonly #file: string
  readonly #beat: NodeJS.Timeout

  /** Takes the lock. Errors: `bad-request` if another process holds it; file system errors. */
  constructor(file: string, what = 'this run') {
    this.#file = file
    if (!create(file) && !takeOver(file)) throw fail('bad-request/locked', { what })
    this.#beat = setInterval(() => this.touch(), BEAT_MS)
    this.#beat.unref()
  }

  /** Waits up to ten seconds for the lock. Errors: those of the constructor. */
  static async wait(file: string, what: string): Promise<WriteLock> {
    for (const end = Date.now() + PATIENCE_MS; ; await setTimeout(PAUSE_MS)) {
      try {
        return new WriteLock(file, what)
      } catch (error) {
        if (!(error instanceof BraidError) || Date.now() > end) throw error
      }
    }
  }

  /** Does short work under a lock; blocks this thread up to `patienceMs` until it is free. */
  static during<T>(file: string, what: string, work: () => T, patienceMs = 1000): T {
    for (const end = performance.now() + patienceMs; ;) {
      let lock: WriteLock
      try {
        lock = new WriteLock(file, what)
      } catch (error) {
        if (!(error instanceof BraidError) || performance.now() > end) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
        continue
      }
      try {
        return work()
      } finally {
        lock.release()
      }
    }
  }

  /** Shows that the owner lives. Creates the file again if it was deleted. */
  touch(): void {
    try {
      if (!create(this.#file) && isOwn(this.#file)) utimesSync(this.#file, new Date(), new Date())
    } catch {
      // Its folder was deleted, or the disk is full; the work continues.
    }
  }

  release(): void {
    clearInterval(this.#beat)
    if (isOwn(this.#file)) rmSync(this.#file, { force: true })
  }
}

/** Creates the lock file; returns false if it exists. */
function create(file: string): boolean {
  try {
    writeFileSync(file, ownName(), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    rmSync(file, { force: true })
    throw error
  }
}

/**
 * Takes the lock of a process that has ended. Of several processes that try, one does, under a
 * second lock: otherwise the slower one could remove the lock that the faster one has just taken.
 */
function takeOver(file: string): boolean {
  if (isLocked(file)) return false
  const second = `${file}.take`
  if (!create(second)) {
    if (isLocked(second)) return false
    rmSync(second, { force: true })
    if (!create(second)) return false
  }
  try {
    if (isLocked(file)) return false
    rmSync(file, { force: true })
    return create(file)
  } finally {
    rmSync(second, { force: true })
  }
}

function isOwn(file: string): boolean {
  try {
    return readText(file, MAX_NAME) === ownName()
  } catch {
    return false
  }
}

/** Returns whether a live process holds the lock. */
export function isLocked(file: string, now = Date.now()): boolean {
  try {
    const name = readText(file, MAX_NAME)
    const fresh = now - statSync(file).mtimeMs <= STALE_MS
    if (name === '') return fresh // just created: the name is written next
    const state = stateOf(name)
    return state === 'alive' || (state === 'unknown' && fresh)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' // another user's
  }
}
