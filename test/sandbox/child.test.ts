import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { Sandbox, sandboxFolder, type Job } from '../../engine/sandbox/index.ts'
import { sourceOptions } from '../../engine/programs/index.ts'
import { root } from '../../scripts/renderer.ts'
import { openSandbox, patient, signal } from './support.ts'
import { worded } from './worded.ts'

const { sandbox, python } = openSandbox()
const temporary = mkdtempSync(join(tmpdir(), 'braid-sandbox-test-'))
afterAll(() => rmSync(temporary, { recursive: true }))

describe('the child', () => {
  /** Returns a folder with another program in the place of the child's. */
  const pretend = (source: string): string => {
    const folder = mkdtempSync(join(temporary, 'child-'))
    writeFileSync(join(folder, 'main.mjs'), source)
    return folder
  }
  const answering = (act: string): string => `
    import { createInterface } from 'node:readline'
    const reply = (message) => process.stdout.write(JSON.stringify(message) + '\\n')
    reply({ ready: true })
    for await (const line of createInterface({ input: process.stdin })) {
      const { id } = JSON.parse(line)
      ${act}
    }`

  const GOOD = answering(`
    reply({ id, step: 0, outcome: { value: '1' } })
    reply({ id, step: 1, outcome: { value: '2' } })
    reply({ id, done: true })`)

  it.each<[string, string, RegExp]>([
    ['does not answer', '', /did not answer/],
    ['hangs', 'for (;;);', /did not answer/],
    ['exits', 'process.exit(7)', /exit code 7/],
    ['crashes', 'process.abort()', /SIGABRT|exit code/],
    ['writes what is not JSON', 'process.stdout.write("hello\\n")', /not a message/],
    [
      'writes what nests deep',
      'process.stdout.write("[".repeat(30_000) + "]".repeat(30_000) + "\\n")',
      /not a message/,
    ],
    ['writes another message', 'reply({ id, step: 0, outcome: { value: 1 } })', /not a message/],
    ['writes without an end', 'process.stdout.write("x".repeat(1e6))', /too long/],
    ['answers another job', 'reply({ id: id + 1, done: true })', /another job/],
    ['answers out of turn', 'reply({ id, step: 1, outcome: { value: "1" } })', /out of turn/],
    [
      'answers twice',
      'for (let i = 0; i < 3; i++) reply({ id, step: 0, outcome: { value: "1" } })',
      /out of turn/,
    ],
    ['leaves out an answer', 'reply({ id, done: true })', /left out/],
    ...(process.platform === 'win32'
      ? []
      : [
          [
            'takes much memory',
            'globalThis.all = Buffer.alloc(700 << 20, 1)',
            /too much memory/,
          ] satisfies [string, string, RegExp],
        ]),
  ])('that %s is killed, and the next one works', async (_, act, why) => {
    const folders = [answering(act), GOOD].map(pretend)
    const ms = /did not/.test(String(why)) ? 100 : 20_000
    const odd = new Sandbox({ ms }, () => Promise.resolve(folders.shift()!))
    const job: Job = { language: 'python', program: '', calls: ['1', '2'] }
    expect((await odd.run(job, signal)).map(worded).at(-1)).toEqual({
      error: expect.stringMatching(why),
    })
    expect(await odd.run(job, signal)).toEqual([{ value: '1' }, { value: '2' }])
    await odd.close()
  })

  it('that cannot start is an error, and the next start is tried again', async () => {
    const folders = ['process.exit(3)', GOOD].map(pretend)
    const odd = new Sandbox(patient, () => Promise.resolve(folders.shift()!))
    const job: Job = { language: 'python', program: '', calls: ['1', '2'] }
    await expect(odd.run(job, signal)).rejects.toMatchObject({ code: 'internal' })
    expect(await odd.run(job, signal)).toEqual([{ value: '1' }, { value: '2' }])
    await odd.close()
  })

  it('that runs a cancelled job is killed, and the next job has another', async () => {
    const controller = new AbortController()
    const hanging = sandbox.run(
      { language: 'python', program: 'while True: pass', calls: ['1'] },
      controller.signal,
    )
    const waiting = python('', '1 + 1')
    setTimeout(() => controller.abort(), 200)
    await expect(hanging).rejects.toMatchObject({ code: 'cancelled' })
    expect(await waiting).toEqual([{ value: '2' }])
  })

  it('may not read other files, start processes or make code from text', async () => {
    const secret = join(temporary, 'secret.txt')
    writeFileSync(secret, 'secret')
    const attempts = {
      read: `fs.readFileSync(${JSON.stringify(secret)}, 'utf8')`,
      write: `fs.writeFileSync(${JSON.stringify(join(temporary, 'new.txt'))}, 'x')`,
      writeOwn: `fs.writeFileSync(new URL(import.meta.url), 'x')`,
      run: `childProcess.execFileSync(process.execPath, ['-v'])`,
      evaluate: `new Function('return 1')()`,
      addon: `process.dlopen({ exports: {} }, ${JSON.stringify(secret)})`,
    }
    const source = answering(`
      const fs = await import('node:fs'), childProcess = await import('node:child_process')
      let step = 0
      const attempt = (act) => {
        let value
        try { value = String(act()) } catch (error) { value = error.code ?? error.name }
        reply({ id, step: step++, outcome: { value } })
      }
      ${Object.values(attempts)
        .map((code) => `attempt(() => ${code})`)
        .join(';')}
      attempt(() => JSON.stringify(process.env))
      reply({ id, done: true })`)
    const folder = pretend(source)
    const held = new Sandbox(patient, () => Promise.resolve(folder))
    const calls = [...Object.keys(attempts), 'environment']
    const outcomes = await held.run({ language: 'python', program: '', calls }, signal)
    await held.close()
    expect(outcomes.map((outcome) => ('value' in outcome ? outcome.value : outcome))).toEqual([
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      'EvalError',
      'ERR_DLOPEN_DISABLED',
      '{"TZ":"UTC"}',
    ])
    expect(readdirSync(temporary)).not.toContain('new.txt')
  })

  it.skipIf(process.platform !== 'linux')(
    'holds its two pipes and an empty folder, and leaves nothing behind',
    async () => {
      const fresh = new Sandbox(patient)
      await fresh.run({ language: 'python', program: '', calls: ['1'] }, signal)
      const proc = (name: string) => `/proc/${pid}/${name}`
      const pid = await fresh.pid()
      const links = readdirSync(proc('fd')).flatMap((fd) => {
        try {
          return [readlinkSync(proc(`fd/${fd}`))]
        } catch {
          return []
        }
      })
      const others = links.filter((link) => !/^(anon_inode|pipe|\/dev\/null$)/.test(link))
      expect(others.map((link) => link.replace(/\d+/, ''))).toEqual(['socket:[]', 'socket:[]'])
      expect(readFileSync(proc('environ'), 'utf8')).toBe('TZ=UTC\0')
      const folder = readlinkSync(proc('cwd'))
      expect(readdirSync(folder)).toEqual([])
      await fresh.close()
      await expect.poll(() => existsSync(folder)).toBe(false)
      expect(await fresh.pid()).toBeUndefined()
    },
  )

  it('neither keeps the process that started it from ending nor ends it early', () => {
    const script = join(temporary, 'ends.mts')
    const door = JSON.stringify(join(root, 'engine', 'sandbox', 'index.ts'))
    writeFileSync(
      script,
      `import { Sandbox } from ${door}
       const start = () => new Sandbox(${JSON.stringify(patient)})
       const [closed, left] = [start(), start()]
       const job = { language: 'javascript', program: '', calls: ['1 + 1'] }
       const { signal } = new AbortController()
       await closed.run(job, signal)
       await closed.close()
       console.log(JSON.stringify(await left.run(job, signal)))`,
    )
    const { stdout, status } = spawnSync(process.execPath, [...sourceOptions(), script], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect([stdout.trim(), status]).toEqual(['[{"value":"2"}]', 0])
  })

  it('starts from an image without paths of the machine that built it', async () => {
    const image = gunzipSync(readFileSync(join(await sandboxFolder(), 'python.image')))
    expect(image.includes(root)).toBe(false)
  })
})
