/** What stands where a file is expected: pipes that nobody writes to, sockets, devices, folders, endless files. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chunksOf, readRegular, readText, regularHandle } from '../../engine/files/index.ts'
import { sourceOptions } from '../../engine/programs/index.ts'
import { sampleRun } from '../support/sample-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-regular-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (...names: string[]) => join(folder, ...names)
const pipe = (...names: string[]) => expect(spawnSync('mkfifo', [at(...names)]).status).toBe(0)
const codeOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'none'
}
const rejected = (work: Promise<unknown>) =>
  work.then(
    () => 'none',
    ({ code }: { code: string }) => code,
  )

describe.runIf(process.platform === 'linux')('a file', () => {
  const server = createServer()
  beforeAll(async () => {
    pipe('pipe')
    symlinkSync(at('pipe'), at('link'))
    await new Promise<void>((done) => server.listen(at('socket'), done))
  })
  afterAll(() => server.close())

  it.each(['pipe', 'link', 'socket', '.', '/dev/zero', '/dev/tty'])(
    'is not a %s: it is refused at once, for reading and for writing',
    async (name) => {
      const file = name.startsWith('/') ? name : at(name)
      const codes = [
        codeOf(() => readRegular(file, 1e6)),
        await rejected(regularHandle(file)),
        await rejected(regularHandle(file, 'w')),
        await rejected(chunksOf(file).next()),
      ]
      expect(new Set(codes)).toEqual(new Set(['bad-path']))
    },
  )

  it('is read up to its end or its limit, whatever size it claims', () => {
    writeFileSync(at('text'), 'x'.repeat(3_000_000))
    expect(readText(at('text'), 3_000_000)).toHaveLength(3_000_000)
    expect(codeOf(() => readText(at('text'), 2_999_999))).toBe('bad-request')
    truncateSync(at('text'), 2 ** 40)
    expect(codeOf(() => readText(at('text'), 1e6))).toBe('bad-request')
    // Files of /proc have a size of 0.
    expect(readText('/proc/self/status', 1e6)).toContain('Pid:')
    expect(codeOf(() => readText('/proc/self/status', 10))).toBe('bad-request')
    expect(codeOf(() => readText(at('none'), 10))).toBe('ENOENT')
  })
})

describe.runIf(process.platform === 'linux')('a data folder in which pipes stand for files', () => {
  it('opens, answers, and hides nothing else', () => {
    for (const name of ['runs/trash', 'runs/lab', 'lab/x', 'models'])
      mkdirSync(at('data', name), { recursive: true })
    const names = [
      ...['settings.json', 'models.json', 'tasks.json', 'api-key', 'config.json'],
      ...['runs/index.json', 'runs/trash/sights.json', 'runs/piped.jsonl', 'runs/good.meta.json'],
      ...[
        'runs/good.lock',
        'runs/good.alt',
        'lab/x/experiment.json',
        'models.json.lock',
        'x.jsonl',
      ],
    ]
    for (const name of names) pipe('data', name)
    for (const run of ['good', 'other'])
      writeFileSync(
        at('data', 'runs', `${run}.jsonl`),
        sampleRun(run)
          .map((event) => JSON.stringify(event) + '\n')
          .join(''),
      )
    const child = join(import.meta.dirname, '../support/open-child.ts')
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      [...sourceOptions(), child, at('data'), at('data', 'x.jsonl')],
      { encoding: 'utf8', timeout: 60_000 },
    )
    expect([status, signal, stderr]).toEqual([0, null, ''])
    const answers = new Map(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as [string, { ok?: true; code?: string }]),
    )
    const codes = Object.fromEntries(
      [...answers].map(([method, { code = 'ok' }]) => [method, code]),
    )
    expect(codes).toMatchObject({
      'settings.get': 'ok',
      'settings.set': 'ok',
      'runs.list': 'ok',
      'runs.search': 'ok',
      'run.open': 'bad-path',
      'lab.list': 'ok',
      'lab.inspect': 'bad-path',
      'storage.list': 'ok',
    })
    expect(Object.values(codes)).not.toContain('internal')
  })
})
