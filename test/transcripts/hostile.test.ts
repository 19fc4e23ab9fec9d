/** Transcripts that strangers made to hang Braid: they are refused in time, and hide no other run. */
import { readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { MAX_LINE, MAX_WHOLE } from '../../engine/protocol/limits.ts'
import { listItem, digestOf } from '../../engine/protocol/run-list.ts'
import type { RunSummary } from '../../engine/protocol/wire.ts'
import { importInSlices, importRuns } from '../../engine/transcripts/export/json.ts'
import { exportRuns } from '../../engine/transcripts/export/export.ts'
import type { Events } from '../../engine/transcripts/lines.ts'
import { RunSearch } from '../../engine/transcripts/search.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { OVERLAP, Texts } from '../../engine/transcripts/texts.ts'
import { BOMBS, EVENTS } from '../support/hostile-transcripts.ts'
import { pathStarted, runStarted, sampleRun, tokensOf } from '../support/sample-run.ts'
import { code, file, folder, store, write } from './support.ts'

const thrown = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    return (error as Error).message
  }
  return 'nothing'
}

describe.each(Object.entries(BOMBS))('a transcript beyond the limits (%s)', (_, bomb) => {
  it('is damaged, refuses to open, to go on and to be imported, and hides no other run', async () => {
    write('before')
    write('later')
    writeFileSync(file('bomb.jsonl'), bomb.content('bomb'))
    const list = await new RunStore(folder).list()
    expect(list.map(({ run, status }) => [run, status]).sort()).toEqual([
      ['before', 'ended'],
      ['bomb', 'damaged'],
      ['later', 'ended'],
    ])
    expect(list.find(({ run }) => run === 'bomb')!.damage).toMatch(bomb.says)
    const { hits, skipped } = await store.search('boxed')
    expect(hits.map(({ run }) => run).sort()).toEqual(['before', 'later'])
    expect(skipped).toEqual([{ run: 'bomb', why: 'damaged' }])
    for (const open of [() => store.events('bomb'), () => store.append('bomb')])
      expect(code(open)).toBe('bad-transcript')
    const names = readdirSync(file('.'))
    const importing = () => importRuns(store, bomb.content('bomb'))
    expect(code(importing)).toBe('bad-transcript')
    expect(thrown(importing)).toMatch(bomb.says)
    expect(readdirSync(file('.'))).toEqual(names)
  })
})

it('no event is written that no reader takes', () => {
  const { writer } = store.create('r1')
  writer.append(runStarted('r1'))
  const long = 'y'.repeat(MAX_LINE)
  const notice: RunEvent = { type: 'notice', at: 1, code: 'x', params: { long } }
  expect(code(() => writer.append(notice))).toBe('bad-transcript')
  store.close('r1')
  expect(store.events('r1')).toHaveLength(1)
})

it('an import folds and saves its events in batches', () => {
  const batches: number[] = []
  const create = store.create.bind(store)
  store.create = (run) => {
    const made = create(run)
    const append = made.writer.appendAll.bind(made.writer)
    made.writer.appendAll = (events) => {
      batches.push(events.length)
      return append(events)
    }
    return made
  }
  const events = EVENTS['answers on the way']!(2000)
  const [run] = importRuns(
    store,
    [runStarted('r'), ...events].map((event) => JSON.stringify(event) + '\n').join(''),
  )
  expect(store.events(run!)).toHaveLength(2001)
  expect(batches.length).toBeLessThan(2000 / 50)
})

it('an import that is cancelled leaves nothing', async () => {
  const events = EVENTS['answers on the way']!(2000)
  const content = [runStarted('r'), ...events].map((event) => JSON.stringify(event) + '\n').join('')
  const stop = new AbortController()
  const create = store.create.bind(store)
  store.create = (run) => {
    stop.abort(new Error('enough'))
    const made = create(run)
    // Longer than a slice.
    const append = made.writer.appendAll.bind(made.writer)
    made.writer.appendAll = (events) => {
      for (const end = performance.now() + 12; performance.now() < end;);
      return append(events)
    }
    return made
  }
  await expect(importInSlices(store, content, stop.signal)).rejects.toThrow('enough')
  expect(readdirSync(file('.')).filter((name) => name.endsWith('.jsonl'))).toEqual([])
})

it('a comparison that could not be repeated leaves a run that opens, exports and comes back', () => {
  const failed: RunEvent = {
    ...{ type: 'agreement', at: 3000, of: ['p1', 'p2'], function: null, calls: [], programs: [] },
    ...{ winner: null, why: 'failed', chosen: 'p1', error: { code: 'internal' } },
  }
  write('r1', [...sampleRun('r1'), { type: 'question', at: 2999, kind: 'code' }, failed])
  for (const format of ['md', 'html', 'json'] as const) {
    const { content } = exportRuns(store, ['r1'], format)
    expect(content.length).toBeGreaterThan(100)
    if (format === 'json') expect(importRuns(store, content)).toHaveLength(1)
  }
})

it('a transcript that is too long to be read as a whole is refused', () => {
  write('r1')
  truncateSync(file('r1.jsonl'), MAX_WHOLE + 1)
  expect(code(() => store.events('r1'))).toBe('out-of-range')
})

it('texts are cut into pieces that overlap', () => {
  const texts = new Texts()
  texts.add(runStarted('r', 'problem '.repeat(50_000)))
  const pieces = [...texts.pieces()]
  expect(pieces).toHaveLength(4)
  for (const [i, piece] of pieces.slice(1).entries())
    expect(piece.startsWith(pieces[i]!.slice(-OVERLAP))).toBe(true)
  expect(pieces.map((piece, i) => piece.slice(i === 0 ? 0 : OVERLAP)).join('')).toBe(
    'problem '.repeat(50_000),
  )
})

describe('a search', () => {
  const item = (run: string, events: readonly RunEvent[]): RunSummary =>
    listItem(run, digestOf(foldRun(events), false))
  const chunk = (events: RunEvent[]): Events => ({ events, lines: [], end: 0 })
  /** A clock that goes on by 4 ms whenever it is asked. */
  let time = 0
  let turns = 0
  beforeEach(() => void (time = turns = 0))
  const clock = {
    now: () => (time += 4),
    yieldTurn: () => {
      turns++
      return Promise.resolve()
    },
  }

  it('gives a run up that takes too long, names it, and finds the others', async () => {
    let read = 0
    const search = new RunSearch(function* (run) {
      if (run !== 'slow') return yield chunk(sampleRun(run))
      yield chunk([runStarted(run), pathStarted(1, 'p1')])
      for (;;) {
        read++
        yield chunk([{ type: 'tokens', at: 1, segment: 'p1', tokens: tokensOf('on and on') }])
      }
    })
    const runs = ['a', 'slow', 'b'].map((run) => item(run, sampleRun(run)))
    const found = async (query: string) => {
      const { hits, skipped } = await search.find(query, runs, clock)
      return [hits.map(({ run }) => run), skipped]
    }
    const both = [['a', 'b'], [{ run: 'slow', why: 'slow' }]]
    expect(await found('boxed')).toEqual(both)
    // It let others have their turn all the time: after 10 ms at the latest.
    expect(turns).toBeGreaterThan(10_000 / 20)
    const before = read
    expect(await found('make')).toEqual(both)
    expect(read).toBe(before) // It is not tried again at once.
  })

  it('reads and matches in slices, also many short runs', async () => {
    const runs = Array.from({ length: 200 }, (_, i) => item(`r${i}`, sampleRun(`r${i}`)))
    const search = new RunSearch((run) => [chunk(sampleRun(run))])
    for (const again of [false, true]) {
      turns = 0
      expect((await search.find('boxed', runs, clock)).hits).toHaveLength(200)
      expect(turns, String(again)).toBeGreaterThan(50)
    }
  })

  it('stops at the next slice once it is cancelled, and lets go of the file', async () => {
    const stop = new AbortController()
    let closed = false
    const search = new RunSearch(function* (run) {
      try {
        for (;;) yield chunk(sampleRun(run))
      } finally {
        closed = true
      }
    })
    const found = search.find('boxed', [item('r', sampleRun('r'))], {
      signal: stop.signal,
      now: clock.now,
      yieldTurn: () => Promise.resolve(stop.abort(new Error('enough'))),
    })
    await expect(found).rejects.toThrow('enough')
    expect(closed).toBe(true)
  })

  it('leaves out a run that vanished or cannot be read, with the reason', async () => {
    const search = new RunSearch((run) => {
      if (run === 'gone') throw new Error('gone')
      return [chunk(sampleRun(run))]
    })
    const runs = ['gone', 'here'].map((run) => item(run, sampleRun(run)))
    expect(await search.find('boxed', runs)).toMatchObject({
      hits: [{ run: 'here' }],
      skipped: [{ run: 'gone', why: 'damaged' }],
    })
  })

  it('finds words across pieces, tokens and the point where a branch begins', async () => {
    const branch = (number: number, of: string, at: number) =>
      pathStarted(2, `p${number}`, { source: { type: 'branch', of, at } })
    const words = (segment: string, ...texts: string[]): RunEvent => ({
      type: 'tokens',
      at: 1,
      segment,
      tokens: texts.map((text, id) => ({ id, text, logprob: null, entropy: null })),
    })
    const filler = Array.from({ length: 40_000 }, (_, i) => ` w${i}`)
    write('r1', [
      runStarted('r1'),
      pathStarted(1, 'p1'),
      words('p1', 'qua', 'gga', ...filler, ' Überm', 'ut', ' '.repeat(3 * OVERLAP), 'end'),
      branch(2, 'p1', 1),
      words('p2', 'rt', 'zite'),
      branch(3, 'p2', 2),
      words('p3', 'kka'),
      branch(4, 'p2', 1),
      words('p4', 'ntum'),
      branch(5, 'p1', 3 + filler.length),
      words('p5', 'itt', 'lung'),
      branch(6, 'p9', 5),
      words('p6', 'orphan'),
    ])
    const hits = async (query: string) => (await store.search(query)).hits.length
    for (const word of ['quagga', 'quartzite', 'quartkka', 'quantum', 'ÜBERMITTLUNG', 'orphan'])
      expect(await hits(word), word).toBe(1)
    for (const word of ['w0', 'w20000 w39999', 'Übermut end', 'w13107'])
      expect(await hits(word), word).toBe(1)
    for (const word of ['quakka', 'quaggart', 'endrt', 'w40000'])
      expect(await hits(word), word).toBe(0)
  })
})
