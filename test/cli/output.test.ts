import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { ProgressLine } from '../../engine/cli/progress-line.ts'
import { sourceOptions } from '../../engine/programs/index.ts'
import { passOn } from '../../engine/terminal/index.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { tinyFile } from '../run/support.ts'
import { braid, Cli } from '../support/cli.ts'
import { sampleRun } from '../support/sample-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-output-'))
afterAll(() => rmSync(folder, { recursive: true }))
const store = new RunStore(folder)
const env = { BRAID_DATA: folder }
const { file: model } = tinyFile({ seed: 3 })
const solve = ['solve', 'the answer', '--model', model, '--threads', '1', '--budget', '40']

/** A colour, its 8-bit form, and an override that shows the end backwards. */
const HOSTILE = 'a\x1b[31mb\x9b31mc\u061c\u200e\u200f\u202etxt.exe'
const SHOWN = 'a\\u001b[31mb\\u009b31mc\\u061c\\u200e\\u200f\\u202etxt.exe'
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/
const FORMATS = ['md', 'html', 'json'] as const

const newest = async () => {
  const [run] = await store.list()
  return foldRun(store.events(run!.run), { live: false })
}

describe('what hostile texts do to a terminal', () => {
  const run = 'hostile'
  const { writer } = store.create(run)
  for (const event of sampleRun(run)) writer.append(disguised(event))
  store.close(run)
  store.update(run, { title: HOSTILE, tags: [HOSTILE] })

  it.each(FORMATS)('an export as %s has no control characters', async (format) => {
    const file = join(folder, `out.${format}`)
    const printed = await braid(['export', run, '--format', format], { env })
    await braid(['export', run, '--format', format, '--out', file], { env })
    for (const text of [printed.stdout, readFileSync(file, 'utf8')]) {
      expect(CONTROLS.exec(text)).toBeNull()
      expect(text.length).toBeGreaterThan(500)
    }
    if (format === 'json') expect(JSON.parse(printed.stdout)).toMatchObject({ title: HOSTILE })
  })

  it('names are written out in lists, messages and wrong usage', async () => {
    const calls = [
      ['runs'],
      ['model', `/nowhere/${HOSTILE}.gguf`],
      [HOSTILE],
      ['solve', `--${HOSTILE}`],
    ]
    for (const args of calls) {
      const { stdout, stderr } = await braid(args, { env })
      expect(CONTROLS.exec(stdout + stderr)).toBeNull()
    }
    const { stderr } = await braid(['model', `/nowhere/${HOSTILE}.gguf`], { env })
    expect(stderr).toContain(SHOWN)
  })
})

describe('what is said beside the results', () => {
  const said = (work: () => void): string => {
    const texts: string[] = []
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      texts.push(String(text))
      return true
    })
    work()
    write.mockRestore()
    return texts.join('')
  }

  it.each([true, false])(
    'progress shows names without their controls (a terminal: %s)',
    (isTTY) => {
      const before = process.stderr.isTTY
      process.stderr.isTTY = isTTY
      const shown = said(() => new ProgressLine().show(0.5, `${HOSTILE}\n\x1b]0;x\x07`))
      process.stderr.isTTY = before
      expect(CONTROLS.exec(shown.replace(/^\r\x1b\[K/, ''))).toBeNull()
      expect(shown.trim()).not.toContain('\n')
      expect(shown).toContain('txt.exe')
    },
  )

  it('what a process of the engine says is passed on without controls, in whole characters', async () => {
    const stderr = new PassThrough()
    const shown = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    passOn(stderr)
    for (const byte of Buffer.from(`braid: ${HOSTILE} 二\n`)) stderr.write(Buffer.from([byte]))
    stderr.end()
    await finished(stderr)
    const text = shown.mock.calls.map(([part]) => String(part)).join('')
    shown.mockRestore()
    expect(text).toBe(`braid: ${SHOWN} 二\n`)
  })
})

it('a process goes on that has nobody to talk to', async () => {
  const say = join(import.meta.dirname, '../../engine/terminal/say.ts')
  const script = `const { say } = await import(${JSON.stringify(pathToFileURL(say).href)})
    for (let i = 0; i < 20; i++) {
      say('x'.repeat(10_000))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    console.log('still there')`
  const args = [...sourceOptions(), '--input-type=module', '-e', script]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stderr.destroy()
  let stdout = ''
  child.stdout.on('data', (data) => (stdout += data))
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect([code, stdout]).toEqual([0, 'still there\n'])
})

describe('a command whose output fails', () => {
  it.skipIf(!existsSync('/dev/full'))(
    'on a full disk says so once and finishes its run',
    async () => {
      const full = openSync('/dev/full', 'w')
      const { code, stderr } = await braid([...solve, '--json'], { env, stdout: full })
      closeSync(full)
      expect(code).toBe(1)
      expect(stderr.match(/The output cannot be written: .*ENOSPC/g)).toHaveLength(1)
      expect(await newest()).toMatchObject({ status: 'ended', summaries: [{}] })
    },
  )

  it('goes on when the reader of stderr leaves', async () => {
    const cli = new Cli([...solve, '--json'], { env })
    cli.child.stderr!.destroy()
    const { code, stdout } = await cli.done
    expect(code).toBe(0)
    expect(stdout).toContain('"type":"run-ended"')
    expect(await newest()).toMatchObject({ status: 'ended' })
  })

  it('ends quietly when the reader of stdout leaves', async () => {
    const cli = new Cli([...solve, '--json'], { env })
    cli.child.stdout!.once('data', () => cli.child.stdout!.destroy())
    const { code, stderr } = await cli.done
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('cannot be written')])
  })
})

function disguised(event: RunEvent): RunEvent {
  if (event.type === 'run-started')
    return { ...event, problem: HOSTILE, model: { ...event.model, name: HOSTILE } }
  if (event.type === 'segment-ended' && event.answer !== null)
    return { ...event, answer: { ...event.answer, text: HOSTILE } }
  if (event.type === 'tokens')
    return { ...event, tokens: event.tokens.map((token) => ({ ...token, text: `${HOSTILE} ` })) }
  return event
}
