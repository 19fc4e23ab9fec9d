import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { RunStore } from '../../engine/transcripts/store.ts'
import { sampleRun } from '../support/sample-run.ts'

const DAY = 86_400_000
const RUN = '20260101-120000-0a1b2c'
let data: string
let trash: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'braid-trash-'))
  trash = join(data, 'runs', 'trash')
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(data, { recursive: true })
})

/** A start of Braid this many days from now, by the machine's clock. */
function start(days = 0): RunStore {
  vi.setSystemTime(REAL + days * DAY)
  return new RunStore(data)
}
const REAL = Date.now()
function deleted(): void {
  const store = start()
  const { writer } = store.create(RUN)
  for (const event of sampleRun(RUN)) writer.append(event)
  store.close(RUN)
  store.update(RUN, { title: 'mine' })
  store.delete(RUN)
}
const left = () => readdirSync(trash).filter((name) => name !== 'sights.json')

describe('the trash', () => {
  it('keeps a run for 30 days, and removes it at the second start that finds it older', () => {
    deleted()
    for (const days of [1, 29]) start(days)
    expect(left()).toHaveLength(3)
    start(32)
    expect(left()).toHaveLength(3)
    start(32.5)
    expect(left()).toHaveLength(3)
    start(33.5)
    expect(left()).toEqual([])
  })

  it('loses nothing to a clock that is wrong once, ahead or behind', () => {
    deleted()
    start(1)
    start(27_000) // the year 2100
    start(2)
    expect(start(3).restore(RUN).title).toBe('mine')
    start(-20_000).delete(RUN)
    start(-20_000)
    start(4)
    start(5.5)
    expect(start(6).restore(RUN).title).toBe('mine')
  })

  it('removes only what Braid moved there', () => {
    deleted()
    const others = ['notes.txt', 'thesis.jsonl', 'r1.meta.json', '20260101-120000-0a1b2c.pdf']
    for (const name of others) writeFileSync(join(trash, name), '')
    mkdirSync(join(trash, '20260101-120000-ffffff.jsonl'))
    const outside = join(data, 'outside.jsonl')
    writeFileSync(outside, '')
    symlinkSync(outside, join(trash, '20260101-120000-eeeeee.jsonl'))
    for (const days of [0, 40, 80, 120]) start(days)
    expect(left().sort()).toEqual(
      [...others, '20260101-120000-eeeeee.jsonl', '20260101-120000-ffffff.jsonl'].sort(),
    )
    expect(existsSync(outside)).toBe(true)
  })

  it('is not followed where it is a link: the target stays as it is, and nothing is moved there', () => {
    const target = join(data, 'documents')
    mkdirSync(target)
    mkdirSync(join(data, 'runs'))
    symlinkSync(target, trash)
    const files = ['letter.txt', `${RUN}.jsonl`]
    for (const name of files) {
      writeFileSync(join(target, name), 'x')
      utimesSync(join(target, name), new Date(0), new Date(0))
    }
    for (const days of [0, 40, 80, 120]) start(days)
    const store = start()
    const { writer } = store.create(RUN)
    for (const event of sampleRun(RUN)) writer.append(event)
    store.close(RUN)
    const code = (work: () => unknown) => {
      try {
        work()
      } catch (error) {
        return (error as { code: string }).code
      }
      return 'none'
    }
    expect(code(() => store.delete(RUN))).toBe('bad-path')
    expect(code(() => store.restore('r1'))).toBe('bad-path')
    expect(store.events(RUN).length).toBeGreaterThan(0)
    expect(readdirSync(target).sort()).toEqual(files.sort())
  })
})

describe('leftovers of format 1', () => {
  it('go only where the transcript that replaced them is there', () => {
    mkdirSync(join(data, 'runs'), { recursive: true })
    const names = ['r1.format1', 'r1.jsonl', 'r2.format1', 'some.thing.format1']
    for (const name of names) writeFileSync(join(data, 'runs', name), '')
    start()
    expect(readdirSync(join(data, 'runs')).sort()).toEqual([...names.slice(1), 'trash'].sort())
  })
})
