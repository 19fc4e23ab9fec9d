/**
 * Works under locks in a process of its own. `hold FILE`: takes the lock, prints "held" and keeps it.
 * `count LOCK FILE TIMES`: adds one to the number in FILE that often, each time under the lock,
 * which it leaves behind as that of a process that has ended.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { WriteLock } from '../../engine/files/index.ts'

const [what, lock, file, times] = process.argv.slice(2) as [string, string, string, string]
if (what === 'hold') {
  new WriteLock(lock)
  console.log('held')
  setInterval(() => undefined, 1000)
} else {
  for (let i = 0; i < Number(times); i++) {
    const held = await WriteLock.wait(lock, 'the number')
    const before = Number(readFileSync(file, 'utf8'))
    await new Promise((resolve) => setTimeout(resolve, i % 3))
    writeFileSync(file, String(before + 1))
    held.release()
    // Where another process has already taken it, this changes nothing.
    try {
      writeFileSync(lock, '999999999', { flag: 'wx' })
    } catch {
      // taken
    }
  }
}
