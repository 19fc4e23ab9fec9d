import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { newRunId } from '../../engine/transcripts/names.ts'
import { code, file, folder, store, write } from './support.ts'

describe('names', () => {
  const HOSTILE = [
    '',
    '.',
    '..',
    '../x',
    '..\\x',
    'a/b',
    'a\\b',
    '/etc/passwd',
    'C:\\x',
    'x\0y',
    'x.jsonl',
    '.hidden',
    '-x',
    'nul',
    'CON',
    'com1',
    'a'.repeat(65),
    'ä',
    'x y',
    '%2e%2e',
    'x:stream',
    '\u202ex',
    null,
    3,
    {},
  ]
  it.each(HOSTILE.map((name) => [JSON.stringify(name), name]))(
    '%s is refused by everything that takes a run',
    (_, name) => {
      const run = name as string
      const actions = [
        () => store.create(run),
        () => store.append(run),
        () => [...store.read(run)],
        () => store.events(run),
        () => store.summary(run),
        () => store.meta(run),
        () => store.update(run, { title: 'x' }),
        () => store.delete(run),
        () => store.restore(run),
        () => store.alternatives(run, 'p1', 0, 1),
        () => store.isLive(run),
      ]
      for (const action of actions) expect(code(action)).toBe('bad-path')
      expect(readdirSync(folder)).toEqual(['runs'])
      expect(readdirSync(file('.')).sort()).toEqual(['trash'])
    },
  )

  it('that are links are refused and not listed, and no link is written through', async () => {
    write('good')
    const outside = join(folder, 'outside.jsonl')
    writeFileSync(outside, readFileSync(file('good.jsonl')))
    symlinkSync(outside, file('link.jsonl'))
    expect(code(() => store.events('link'))).toBe('bad-path')
    expect(code(() => store.append('link'))).toBe('bad-path')
    expect(code(() => store.delete('link'))).toBe('bad-path')
    symlinkSync(outside, file('good.meta.json'))
    expect(code(() => store.update('good', { title: 'x' }))).toBe('bad-path')
    symlinkSync(outside, file('other.alt'))
    expect(code(() => store.create('other'))).toBe('bad-path')
    mkdirSync(file('folder.jsonl'))
    expect((await store.list()).map((run) => run.run)).toEqual(['good'])
    expect(readFileSync(outside, 'utf8')).toBe(readFileSync(file('good.jsonl'), 'utf8'))
  })

  it('made here are safe, and sort by time', () => {
    const early = newRunId(new Date('2026-01-02T03:04:05Z'))
    expect(early).toMatch(/^20260102-030405-[0-9a-f]{6}$/)
    expect(early < newRunId(new Date('2026-01-02T03:04:06Z'))).toBe(true)
  })
})
