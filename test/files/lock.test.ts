import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { isLocked, WriteLock } from '../../engine/files/lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-lock-'))
const file = join(folder, 'run.lock')
afterAll(() => rmSync(folder, { recursive: true }))

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
})
