import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { isLocked, WriteLock } from '../../engine/files/lock.ts'
import { ownName, stateOf } from '../../engine/files/owner.ts'
import { sourceOptions } from '../../engine/programs/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-lock-'))
const file = join(folder, 'run.lock')
afterAll(() => rmSync(folder, { recursive: true }))

const child = (...args: string[]): ChildProcess =>
  spawn(
    process.execPath,
    [...sourceOptions(), join(import.meta.dirname, '../support/lock-child.ts'), ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
const ended = (one: ChildProcess) =>
  new Promise<number | null>((resolve) => one.once('close', (code) => resolve(code)))
const MINUTES = 60_000
const unix = process.platform !== 'win32'

describe('the lock of a run', () => {
  it('holds while its process lives, and no longer than it is held', () => {
    const lock = new WriteLock(file)
    expect(isLocked(file)).toBe(true)
    expect(() => new WriteLock(file)).toThrow(expect.objectContaining({ code: 'bad-request' }))
    lock.release()
    expect(isLocked(file)).toBe(false)
  })

  it('holds from the moment that it is there, before its number is', () => {
    writeFileSync(file, '')
    expect(() => new WriteLock(file, 'x.gguf')).toThrow(
      'Another Braid process is working on x.gguf.',
    )
    expect(isLocked(file, Date.now() + 61_000)).toBe(false)
  })

  it('is dead when nobody touched it for a minute', () => {
    writeFileSync(file, String(process.pid))
    expect(isLocked(file)).toBe(true)
    expect(isLocked(file, Date.now() + 61_000)).toBe(false)
  })

  // Only Linux has /proc, which shows whether a process is a zombie.
  it.skipIf(process.platform !== 'linux')(
    'is dead when its process is, buried or not',
    async () => {
      // The inner shell ends at once; the program that replaces the outer one never waits for it.
      const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 300'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        const pid = Number(
          String(await new Promise<Buffer>((resolve) => parent.stdout.once('data', resolve))),
        )
        writeFileSync(file, String(pid))
        await expect.poll(() => isLocked(file)).toBe(false)
        expect(() => process.kill(pid, 0)).not.toThrow() // it still accepts signals
      } finally {
        parent.kill('SIGKILL')
      }
    },
  )

  it.runIf(unix)('holds while its process is stopped, however long', async () => {
    const owner = child('hold', file)
    await new Promise((resolve) => owner.stdout!.once('data', resolve))
    try {
      owner.kill('SIGSTOP')
      const old = new Date(Date.now() - 10 * MINUTES)
      utimesSync(file, old, old)
      expect(isLocked(file)).toBe(true)
      expect(() => new WriteLock(file)).toThrow('Another Braid process')
    } finally {
      owner.kill('SIGKILL')
    }
    await ended(owner)
    expect(isLocked(file)).toBe(false)
    new WriteLock(file).release()
  })

  it.runIf(unix)('is dead when its id belongs to a later process', () => {
    const [pid, system, start] = ownName().split(' ')
    expect(stateOf(ownName())).toBe('alive')
    writeFileSync(file, `${pid} ${system} ${start}0`)
    expect(isLocked(file)).toBe(false)
    // A boot or a container that this process does not see: only touching shows life.
    writeFileSync(file, `${pid} elsewhere 1`)
    expect(isLocked(file)).toBe(true)
    expect(isLocked(file, Date.now() + 2 * MINUTES)).toBe(false)
  })

  it('that was deleted by hand comes back; that of another is never removed', () => {
    rmSync(file, { force: true })
    const lock = new WriteLock(file)
    rmSync(file)
    lock.touch()
    expect(readFileSync(file, 'utf8')).toBe(ownName())
    writeFileSync(file, '1')
    lock.touch()
    lock.release()
    expect(readFileSync(file, 'utf8')).toBe('1')
  })

  it('is taken over from a dead process by one process at a time', async () => {
    const [lock, number] = [join(folder, 'number.lock'), join(folder, 'number')]
    writeFileSync(number, '0')
    writeFileSync(lock, '999999999')
    const workers = Array.from({ length: 4 }, () => child('count', lock, number, '40'))
    expect(await Promise.all(workers.map(ended))).toEqual([0, 0, 0, 0])
    expect(readFileSync(number, 'utf8')).toBe('160')
    expect(existsSync(`${lock}.take`)).toBe(false)
  })
})
