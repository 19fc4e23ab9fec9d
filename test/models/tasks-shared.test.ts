import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Tasks, type Job, type Work } from '../../engine/models/tasks.ts'
import { sourceOptions } from '../../engine/programs/index.ts'

let folder: string
let file: string
const children: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-shared-'))
  file = join(folder, 'tasks.json')
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const program = (name: string, count: number) => {
  const script = join(import.meta.dirname, '../support/tasks-child.ts')
  const child = spawn(process.execPath, [...sourceOptions(), script, file, name, String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}
const line = (child: ChildProcess) =>
  new Promise<string>((resolve) =>
    child.stdout!.once('data', (text) => resolve(String(text).trim())),
  )
const stored = () =>
  (JSON.parse(readFileSync(file, 'utf8')) as { name: string }[]).map(({ name }) => name).sort()
/** Works until it is stopped. */
const idle: Work = {
  run: (_, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')))
    }),
  discard: () => Promise.resolve(),
}
const job = (output: string): Job => ({ kind: 'convert', folder: '/f', type: 'q8_0', output })

describe('the list of tasks on a folder that two programs use', () => {
  it('loses no task of either, and the next program has them all', async () => {
    const [a, b] = [program('a', 25), program('b', 25)]
    await Promise.all([line(a), line(b)])
    const ready = Promise.all([line(a), line(b)])
    for (const child of [a, b]) child.stdin!.write('go\n')
    // Each has its own: another living program's tasks are not its to resume.
    expect(await ready).toEqual(['25', '25'])
    expect(stored()).toHaveLength(50)
    expect(new Tasks(file, idle).list()).toEqual([])
    for (const child of [a, b]) {
      const closed = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGKILL')
      await closed
    }
    const next = new Tasks(file, idle)
    expect(
      next
        .list()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(stored())
    expect(next.list()).toHaveLength(50)
    expect(new Set(next.list().map(({ state }) => state))).toEqual(new Set(['failed']))
    await next.close()
  })

  it('takes what was left, and removes only what it was told to', async () => {
    const before = new Tasks(file, idle)
    before.add('one', job('/1'))
    const two = before.add('two', job('/2'))
    await before.close()
    const [first, second] = [new Tasks(file, idle), new Tasks(file, idle)]
    expect([first.list().length, second.list().length]).toEqual([2, 0])
    second.add('three', job('/3'))
    await first.command(two.id, 'cancel')
    expect(stored()).toEqual(['one', 'three'])
    await Promise.all([first.close(), second.close()])
    expect(stored()).toEqual(['one', 'three'])
  })

  it('that is damaged is kept beside the next one', async () => {
    writeFileSync(file, '[{"id"')
    const tasks = new Tasks(file, idle)
    tasks.add('one', job('/1'))
    expect(stored()).toEqual(['one'])
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe('[{"id"')
    await tasks.close()
  })
})
