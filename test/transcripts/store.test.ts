import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { dataFolder } from '../../engine/transcripts/folder.ts'
import { exportRuns } from '../../engine/transcripts/export/index.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { pathStarted, runStarted, sampleRun, tokensOf } from '../support/sample-run.ts'
import { code, file, folder, store, write } from './support.ts'

describe('a transcript', () => {
  it('replays to the state that was seen live', () => {
    const stored = write('r1')
    expect(store.events('r1')).toEqual(stored)
    const [live, replayed] = [foldRun(stored), foldRun(store.events('r1'))]
    expect(replayed.paths.map((path) => ({ ...path, tokens: [...path.tokens] }))).toEqual(
      live.paths.map((path) => ({ ...path, tokens: [...path.tokens] })),
    )
    expect({ ...replayed, paths: 0, summaries: 0 }).toEqual({ ...live, paths: 0, summaries: 0 })
  })

  it('is on disk when append returns', () => {
    const { writer } = store.create('r1')
    for (const [i, event] of sampleRun('r1').entries()) {
      writer.append(event)
      const text = readFileSync(file('r1.jsonl'), 'utf8')
      expect(text.endsWith('\n')).toBe(true)
      expect(text.trimEnd().split('\n')).toHaveLength(i + 1)
    }
    store.close('r1')
  })

  it('opens when it is torn at any byte: what was whole is there, the rest is dropped, and it can go on', async () => {
    const events = [runStarted('r1', 'Ein Rätsel 🧩'), ...sampleRun('r1').slice(1, 8)]
    const stored = write('r1', events)
    const whole = readFileSync(file('r1.jsonl'))
    rmSync(file('r1.jsonl'))
    const ends = [...whole.entries()].filter(([, byte]) => byte === 0x0a).map(([i]) => i + 1)
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(file('torn.jsonl'), whole.subarray(0, length))
      const left = ends.filter((end) => end <= length).length
      if (left === 0) {
        expect(code(() => store.events('torn'))).toBe('bad-transcript')
        expect(store.summary('torn').status).toBe('damaged')
        continue
      }
      expect(store.events('torn')).toEqual(stored.slice(0, left))
      if (length % 7 !== 0) continue
      const writer = store.append('torn')
      writer.append({ type: 'notice', at: 9999, code: 'x', params: { message: 'on' } })
      store.close('torn')
      expect(store.events('torn').map((event) => event.type)).toEqual([
        ...stored.slice(0, left).map((event) => event.type),
        'notice',
      ])
    }
  })

  it('drops a last line of zeros, as a power cut leaves it, and cuts it off before it goes on', () => {
    const stored = write('r1')
    appendFileSync(file('r1.jsonl'), Buffer.alloc(50))
    expect(store.events('r1')).toEqual(stored)
    appendFileSync(file('r1.jsonl'), '\n')
    expect(store.events('r1')).toEqual(stored)
    store.append('r1').append({ type: 'notice', at: 9999, code: 'x', params: { message: 'on' } })
    store.close('r1')
    expect(store.events('r1')).toHaveLength(stored.length + 1)
  })

  it('keeps fields and events it does not know', () => {
    const events = [
      { ...runStarted('r1'), later: { x: 1 } },
      { type: 'from-the-future', at: 1 },
      { type: 'notice', at: 2, code: 'a', extra: [1] },
    ]
    writeFileSync(file('r1.jsonl'), events.map((event) => JSON.stringify(event) + '\n').join(''))
    expect(store.events('r1')).toEqual([events[0], events[2]])
    store.append('r1').append({ type: 'notice', at: 3, code: 'a' })
    store.close('r1')
    expect(readFileSync(file('r1.jsonl'), 'utf8')).toContain('from-the-future')
  })

  it.each([
    ['no JSON in the middle', (lines: string[]) => lines.splice(3, 0, '{"type":')],
    [
      'an event with a wrong field',
      (lines: string[]) => lines.splice(3, 0, '{"type":"tokens","at":1,"segment":"x","tokens":[]}'),
    ],
    ['no start', (lines: string[]) => lines.shift()],
    [
      'a newer format',
      (lines: string[]) => (lines[0] = lines[0]!.replace('"format":2', '"format":3')),
    ],
    ['an array', (lines: string[]) => (lines[1] = '[]')],
  ])(
    'that is damaged (%s) is listed as such, refuses to open, and hides no other',
    async (_, harm) => {
      write('good')
      write('bad')
      const lines = readFileSync(file('bad.jsonl'), 'utf8').trimEnd().split('\n')
      harm(lines)
      writeFileSync(file('bad.jsonl'), lines.join('\n') + '\n')
      const list = await store.list()
      expect(list.map((run) => [run.run, run.status]).sort()).toEqual([
        ['bad', 'damaged'],
        ['good', 'ended'],
      ])
      expect(list.find((run) => run.run === 'bad')!.damage).toMatch(/\w/)
      expect(code(() => store.events('bad'))).toBe('bad-transcript')
      expect(code(() => store.append('bad'))).toBe('bad-transcript')
      expect(existsSync(file('bad.lock'))).toBe(false)
    },
  )

  it('begins with run-started, once', () => {
    const { writer } = store.create('r1')
    expect(code(() => writer.append({ type: 'notice', at: 0, code: 'a' }))).toBe('internal')
    writer.append(runStarted('r1'))
    expect(code(() => writer.append(runStarted('r1')))).toBe('internal')
    store.close('r1')
    expect(code(() => store.create('r1'))).toBe('bad-request')
  })

  it('holds lone surrogates and control characters as they were', () => {
    const problem = 'a\ud800b\0c\u2028d\r\ne'
    write('r1', [runStarted('r1', problem)])
    expect(foldRun(store.events('r1')).problem).toBe(problem)
  })
})

describe('the history', () => {
  it('lists runs newest first, with what was added by hand', async () => {
    write('r1')
    write('r2', [
      {
        ...runStarted('r2', '\n  Second problem\nmore'),
        time: '2026-02-02T00:00:00.000Z',
      } as RunEvent,
    ])
    store.update('r1', { title: 'Named <b>', starred: true })
    store.update('r1', { tags: ['x'] })
    const list = await store.list()
    expect(
      list.map(({ run, title, status, starred, tags, paths, answer }) => ({
        run,
        title,
        status,
        starred,
        tags,
        paths,
        answer,
      })),
    ).toEqual([
      {
        run: 'r2',
        title: 'Second problem',
        status: 'interrupted',
        starred: false,
        tags: [],
        paths: 0,
        answer: null,
      },
      {
        run: 'r1',
        title: 'Named <b>',
        status: 'ended',
        starred: true,
        tags: ['x'],
        paths: 3,
        answer: '4 again',
      },
    ])
    expect(list[1]!.tokens).toBe(
      sampleRun('r1').reduce(
        (sum, event) => sum + (event.type === 'tokens' ? event.tokens.length : 0),
        0,
      ),
    )
  })

  it('is read from its cache, and again where a transcript changed or the cache is damaged', async () => {
    write('r1')
    const first = await store.list()
    expect(await new RunStore(folder).list()).toEqual(first)
    const index = JSON.parse(readFileSync(file('index.json'), 'utf8'))
    index.entries.r1.digest.answer = 'from the cache'
    writeFileSync(file('index.json'), JSON.stringify(index))
    expect((await new RunStore(folder).list())[0]!.answer).toBe('from the cache')
    utimesSync(file('r1.jsonl'), new Date(), new Date(Date.now() + 5000))
    expect(await new RunStore(folder).list()).toEqual(first)
    for (const rubbish of ['', '[]', '{"version":2,"entries":{"r1":{"size":"x"}}}', '\0\0']) {
      writeFileSync(file('index.json'), rubbish)
      expect(await new RunStore(folder).list()).toEqual(first)
    }
  })

  it('bears damaged titles and leftovers', async () => {
    write('r1')
    writeFileSync(file('r1.meta.json'), '{"title": 3')
    writeFileSync(file('x.tmp'), '')
    writeFileSync(file('.jsonl'), '')
    expect((await store.list()).map((run) => run.title)).toEqual(['What is 2 + 2?'])
  })

  it('deletes into the trash and brings back', async () => {
    write('r1')
    store.update('r1', { title: 'Kept' })
    const before = await store.list()
    store.delete('r1')
    expect(await store.list()).toEqual([])
    expect(code(() => store.events('r1'))).toBe('no-such-run')
    expect(store.restore('r1').title).toBe('Kept')
    expect(await store.list()).toEqual(before)
    expect(store.alternatives('r1', 'p1', 1, 1)[0]).toHaveLength(2)
    expect(code(() => store.restore('r1'))).toBe('no-such-run')
  })

  it('clears away old parts of files that a killed process left, and nothing else', () => {
    write('r1')
    const old = new Date(Date.now() - 2 * 86_400_000)
    for (const name of ['r1.jsonl.77.tmp', 'r1.meta.json.78.tmp', 'mine.tmp', 'r2.jsonl.79.tmp']) {
      writeFileSync(file(name), '')
      if (!name.startsWith('r2')) utimesSync(file(name), old, old)
    }
    new RunStore(folder)
    const left = readdirSync(file('.')).filter((name) => name.endsWith('.tmp'))
    expect(left.sort()).toEqual(['mine.tmp', 'r2.jsonl.79.tmp'])
  })

  it('finds runs by words in problem, paths, summaries, titles and tags', async () => {
    write('r1')
    write('r2', [
      runStarted('r2', 'Über Größe: 分数を足す [x]+(y)'),
      pathStarted(0, 'p1'),
      { type: 'tokens', at: 1, segment: 'p1', tokens: tokensOf('hello\nworld') },
    ])
    store.update('r2', { tags: ['geometry'] })
    const found = async (query: string) =>
      (await store.search(query)).hits.map((hit) => hit.run).sort()
    expect(await found('make boxed')).toEqual(['r1'])
    expect(await found('GRÖSSE')).toEqual([])
    expect(await found('größe ÜBER')).toEqual(['r2'])
    expect(await found('分数')).toEqual(['r2'])
    expect(await found('[x]+(y)')).toEqual(['r2'])
    expect(await found('geometry world')).toEqual(['r2'])
    expect(await found('.*')).toEqual([])
    expect(await found('4 again')).toEqual(['r1'])
    expect(await found('  ')).toEqual([])
    expect((await store.search('world')).hits[0]!.snippet).toContain('hello world')
  })
})

describe('several writers', () => {
  it('are kept apart; a run that another process writes shows as running', async () => {
    write('r1', sampleRun('r1').slice(0, 6))
    writeFileSync(file('r1.lock'), String(process.ppid))
    expect(store.isLive('r1')).toBe(true)
    expect((await store.list())[0]!.status).toBe('running')
    expect(code(() => store.append('r1'))).toBe('bad-request')
    expect(code(() => store.delete('r1'))).toBe('bad-request')
    const old = new Date(Date.now() - 120_000)
    utimesSync(file('r1.lock'), old, old)
    expect((await store.list())[0]!.status).toBe('interrupted')
    const writer = store.append('r1')
    expect(store.isLive('r1')).toBe(false)
    expect((await store.list())[0]!.status).toBe('interrupted') // nothing works on it yet
    writer.append({ type: 'run-resumed', at: 1e6 })
    expect((await store.list())[0]!.status).toBe('running')
    store.close('r1')
    expect((await store.list())[0]!.status).toBe('interrupted')
    expect(existsSync(file('r1.lock'))).toBe(false)
  })

  it('a run that has ended is not called thinking while another process has it open', () => {
    write('r1')
    writeFileSync(file('r1.lock'), String(process.ppid))
    expect(() => store.delete('r1')).toThrow('Another Braid process has this run open.')
    rmSync(file('r1.lock'))
    store.delete('r1')
  })

  it('an export says of a run what its events say, though a command that was refused opened it', async () => {
    write('r1', sampleRun('r1').slice(0, 6))
    const status = async () => {
      const { content } = await exportRuns(store, ['r1'], 'json')
      return (JSON.parse(content) as { result: { status: string } }).result.status
    }
    const writer = store.append('r1')
    expect(await status()).toBe('interrupted')
    writer.append({ type: 'run-resumed', at: 1e6 })
    expect(await status()).toBe('running')
    store.close('r1')
  })

  it('the lock of a dead process holds nothing', () => {
    write('r1')
    writeFileSync(file('r1.lock'), '999999999')
    expect(store.isLive('r1')).toBe(false)
    store.append('r1')
    store.close('r1')
  })
})

/** Mounts a small disk. Needs a mount namespace, which Linux grants to root and usually to other users. */
const MOUNTS = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0

describe('a full disk', () => {
  it.skipIf(!MOUNTS)(
    'gives typed errors, leaves what was there whole, and the next try works (needs unshare)',
    () => {
      const script = join(import.meta.dirname, '../support/full-disk.ts')
      const inside = `mount -t tmpfs -o size=256k tmpfs '${folder}' && exec '${process.execPath}' --import tsx '${script}' '${folder}'`
      const { stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', inside], {
        encoding: 'utf8',
      })
      expect(stderr).toBe('')
      expect(JSON.parse(stdout)).toEqual({
        code: 'disk-full',
        metaCode: 'disk-full',
        createCode: 'disk-full',
        sizeIsWhole: true,
        events: true,
        old: sampleRun('old').length,
        title: 'kept',
        retry: 'none',
        afterRetry: true,
      })
    },
  )
})

describe('dataFolder', () => {
  it('is where each platform keeps application data, or $BRAID_DATA', () => {
    expect(dataFolder({ BRAID_DATA: '/x' })).toBe('/x')
    expect(dataFolder({ HOME: '/h' }, 'linux')).toBe('/h/.local/share/braid')
    expect(dataFolder({ HOME: '/h', XDG_DATA_HOME: '/d' }, 'linux')).toBe('/d/braid')
    expect(dataFolder({ HOME: '/h' }, 'darwin')).toBe('/h/Library/Application Support/Braid')
    expect(dataFolder({ APPDATA: '/a' }, 'win32')).toBe('/a/Braid')
  })
})
