import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../../engine/protocol/events.ts'
import { exportRuns } from '../../../engine/transcripts/export/export.ts'
import { importRuns } from '../../../engine/transcripts/export/json.ts'
import { runStarted, sampleRun } from '../../support/sample-run.ts'
import { store, write } from '../support.ts'

describe('JSON', () => {
  it('opens again as the same run, alternatives, title and tags included', () => {
    write('r1')
    store.update('r1', { title: 'My <run>', tags: ['a', 'b'], starred: true })
    const { content, fileName, mimeType } = exportRuns(store, ['r1'], 'json')
    expect([fileName, mimeType]).toEqual(['My-run-r1.json', 'application/json'])
    const [copy] = importRuns(store, content)
    const [start, ...events] = store.events(copy!)
    const [oldStart, ...oldEvents] = store.events('r1')
    expect(start).toEqual({ ...oldStart, run: copy, importedFrom: 'r1' })
    expect(events).toEqual(oldEvents)
    expect(store.alternatives(copy!, 'p3', 0, 8)).toEqual(store.alternatives('r1', 'p3', 0, 8))
    expect(store.meta(copy!)).toEqual(store.meta('r1'))
    const again = JSON.parse(exportRuns(store, [copy!], 'json').content)
    expect(again.result).toEqual(JSON.parse(content).result)
  })

  it('says the result in plain fields', () => {
    write('r1')
    const value = JSON.parse(exportRuns(store, ['r1'], 'json').content)
    expect(value).toMatchObject({
      format: 'braid-run',
      version: 2,
      run: 'r1',
      result: { status: 'ended', answer: '4 again' },
    })
    expect(value.result.paths.map((path: { text: string }) => path.text)).toHaveLength(3)
    expect(value.result.summaries[1]).toMatchObject({
      segment: 's2',
      role: 'summary',
      group: null,
      reads: ['p1', 'p3'],
      fusion: 'reread',
      cuts: [{ segment: 'p1', removed: 2 }],
      text: '4 again',
    })
    const tokens = value.events
      .filter((event: RunEvent) => event.type === 'tokens')
      .flatMap((event: { tokens: object[] }) => event.tokens)
    expect(tokens.filter((token: object) => 'alternatives' in token).length).toBeGreaterThan(20)
  })

  it('of several runs opens again as several', () => {
    write('r1')
    write('r2', [runStarted('r2', 'Other')])
    const ids = importRuns(store, exportRuns(store, ['r1', 'r2'], 'json').content)
    expect(ids.map((id) => store.summary(id).title)).toEqual(['What is 2 + 2?', 'Other'])
  })

  it('imports a bare transcript, its torn last line dropped', () => {
    const lines = sampleRun('r1')
      .map((event) => JSON.stringify(event))
      .join('\n')
    const [id] = importRuns(store, lines + '\n{"type":"tok')
    expect(store.events(id!)).toHaveLength(sampleRun('r1').length)
  })

  it.each([
    ['', 'empty'],
    [' \n', 'empty'],
    ['{}', 'neither'],
    ['null', 'neither'],
    ['[1]', 'neither'],
    ['not json', 'neither'],
    ['<html>', 'neither'],
    ['{"format":"braid-run","version":3,"events":[{}]}', 'newer'],
    ['{"format":"braid-run","version":2,"events":[]}', 'neither'],
    ['{"format":"braid-run","version":2,"events":[{"type":"notice","at":0,"code":"a"}]}', 'start'],
    ['{"format":"braid-run","version":2,"events":[5]}', 'damaged'],
    ['{"type":"run-started"}', 'damaged'],
    [
      JSON.stringify({
        format: 'braid-run',
        version: 2,
        events: [runStarted('x'), { type: 'tokens', at: 1, segment: 'p0', tokens: [] }],
      }),
      'damaged',
    ],
    [
      JSON.stringify({
        format: 'braid-run',
        version: 2,
        title: 'x'.repeat(501),
        events: [runStarted('x')],
      }),
      'neither',
    ],
  ])('refuses %s and leaves nothing behind', async (content, why) => {
    expect(() => importRuns(store, content)).toThrow(
      expect.objectContaining({ code: 'bad-transcript', message: expect.stringContaining(why) }),
    )
    expect(await store.list()).toEqual([])
  })
})
