import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { roleOf, RunEvent } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { ModelRegistry } from '../../engine/models/registry.ts'
import type { Result } from '../../engine/protocol/wire.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { storedEvent } from '../../engine/transcripts/writer.ts'
import { braid, Cli } from '../support/cli.ts'
import { smolLM2 } from '../support/models.ts'
import { until } from '../support/test-client.ts'

let folder: string
let model: string
let env: NodeJS.ProcessEnv
const FAST = ['--threads', '1', '--context', '2048']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'braid-cli-'))
  env = { BRAID_DATA: folder }
  model = await smolLM2()
})
afterAll(() => rmSync(folder, { recursive: true }))

const solve = (problem: string, ...flags: string[]) => [
  'solve',
  problem,
  '--model',
  model,
  ...FAST,
  ...flags,
]
const events = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => RunEvent.parse(JSON.parse(line)))
const runs = () =>
  readdirSync(join(folder, 'runs'))
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => name.slice(0, -6))
    .sort()

describe('solve', () => {
  it('--json: one event per line on stdout and nothing else, the same events as the transcript', async () => {
    const { code, stdout, stderr } = await braid(
      solve(
        'What is 2 + 2?',
        '--json',
        '--paths',
        '2',
        '--budget',
        '24',
        '--summary-budget',
        '16',
        '--top',
        '3',
        '--seed',
        '5',
      ),
      { env },
    )
    expect(code, stderr).toBe(0)
    expect(stdout.endsWith('\n')).toBe(true)
    const seen = events(stdout)
    expect(seen[0]).toMatchObject({
      type: 'run-started',
      problem: 'What is 2 + 2?',
      settings: { paths: 2, budget: 24, seed: 5, alternatives: 3 },
    })
    expect((seen[0] as { promptTokens: number[] }).promptTokens.length).toBeGreaterThan(5)
    expect(seen.at(-1)).toMatchObject({
      type: 'run-ended',
      reason: 'finished',
      usage: { promptTokens: expect.any(Number) },
      timings: { totalMs: expect.any(Number) },
    })
    const state = foldRun(seen)
    expect(state.paths.map((path) => path.status)).toEqual(
      expect.arrayContaining([expect.stringMatching(/done|truncated/)]),
    )
    const tokens = seen.flatMap((event) =>
      event.type === 'tokens' && roleOf(event.segment) === 'path' ? event.tokens : [],
    )
    for (const token of tokens)
      if (token.forced !== true) expect(token.alternatives).toHaveLength(3)
    const store = new RunStore(folder)
    expect(store.events(state.run)).toEqual(seen.map(storedEvent))
    expect(store.alternatives(state.run, 'p1', 0, 1)[0]).toHaveLength(3)
    // The settings that hold in the end are reported on stderr.
    expect(stderr).toMatch(/paths=2 .*budget=24.*temperature=0\.5.*flash-attention=auto/)
  })

  it('reads stdin for -, prints plain text into a pipe, and writes --out', async () => {
    const out = join(folder, 'run.json')
    const { code, stdout, stderr } = await braid(
      solve(
        '-',
        '--strategy',
        'sequential',
        '--budget',
        '12',
        '--summary-budget',
        '8',
        '--out',
        out,
      ),
      { env, stdin: 'Say hello.\nPlease.\n' },
    )
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/^--- Path 1 \((finished|budget), \d+ tokens/)
    expect(stdout).not.toMatch(/\x1b/)
    const written = JSON.parse(readFileSync(out, 'utf8'))
    expect(written.result.problem).toBe('Say hello.\nPlease.')
    for (const format of ['md', 'html', 'json']) {
      const exported = await braid(['export', written.run, '--format', format], { env })
      expect([exported.code, exported.stdout.includes('Say hello.')]).toEqual([0, true])
    }
    const listed = await braid(['runs', '--json'], { env })
    expect(JSON.parse(listed.stdout).map((run: { run: string }) => run.run)).toContain(written.run)
    expect((await braid(['runs', '--search', 'please hello'], { env })).stdout).toContain(
      written.run,
    )
  })

  it('prints what each judge of a tournament said, their points and the answer', async () => {
    const flags = ['--strategy', 'tournament', '--paths', '2', '--judgements', '1']
    const small = ['--budget', '12', '--summary-budget', '8', '--question', 'text']
    const { code, stdout, stderr } = await braid(solve('Which?', ...flags, ...small), { env })
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(
      /^--- Judge 2, round 1: of paths 2, 1, by cache \(.*prefers (neither|path)/m,
    )
    expect(stdout).toMatch(/^--- What the judges prefer\nwinner.*: \d points?: path \d\n/m)
    expect(stdout).toMatch(/^--- Answer: path \d$/m)
    expect(stderr).toMatch(/\d+ tokens of judges in/)
  })

  it('thinks on the device that was chosen for the model in the window, unless a flag names another', async () => {
    const links = new ModelRegistry(folder)
    const { file } = await links.add(model)
    await links.setDevice(file, 'Vulkan7')
    const short = ['--strategy', 'sequential', '--budget', '4', '--summary-budget', '4', '--json']
    expect((await braid(solve('Hi', ...short), { env })).stderr).toMatch(/Vulkan7.*unknown-device/)
    const { code, stdout } = await braid(solve('Hi', ...short, '--device', 'cpu'), { env })
    expect([code, foldRun(events(stdout)).settings!.engine.device]).toEqual([0, 'cpu'])
    await links.remove(file)
  })

  it('ends at Ctrl-C with code 130, an end in the transcript and nothing else on stdout', async () => {
    const cli = new Cli(
      solve(
        'Count from one to ten thousand in words.',
        '--json',
        '--paths',
        '2',
        '--budget',
        '900',
      ),
      { env },
    )
    await until(() => cli.stdout.includes('"tokens"'), 'tokens', 60_000)
    cli.child.kill('SIGINT')
    const { code, stdout } = await cli.done
    expect(code).toBe(130)
    expect(events(stdout).at(-1)).toMatchObject({ type: 'run-ended', reason: 'cancelled' })
    const { run, paths } = foldRun(events(stdout))
    const kept = foldRun(new RunStore(folder).events(run))
    expect(kept).toMatchObject({ status: 'ended', endReason: 'cancelled' })
    expect(kept.paths.map((path) => path.text)).toEqual(paths.map((path) => path.text))
  })

  it('ends at once at a second Ctrl-C', async () => {
    const cli = new Cli(solve('Count.', '--json', '--budget', '900'), { env })
    await until(() => cli.stdout.includes('"run-started"'), 'the start', 60_000)
    // Two signals of one kind would arrive as one; and the second must not wait for anything, or the first may have taken effect.
    cli.child.kill('SIGINT')
    cli.child.kill('SIGTERM')
    const { code, signal, stderr } = await cli.done
    // Node removes its signal handlers when it exits; from then on, the second signal ends the process.
    expect([code ?? signal, stderr.split('Stopping').length - 1]).toEqual([
      code === null ? 'SIGTERM' : 130,
      1,
    ])
  })

  it.skipIf(process.platform === 'win32')(
    'killed in mid-run: the transcript opens as interrupted with all that was shown, and the next run works',
    async () => {
      const cli = new Cli(
        solve('Tell a long story.', '--json', '--paths', '2', '--budget', '900'),
        { env },
      )
      await until(() => cli.stdout.split('"tokens":').length > 8, 'tokens', 60_000)
      cli.child.kill('SIGKILL')
      const { signal, stdout } = await cli.done
      expect(signal).toBe('SIGKILL')
      const shown = stdout.slice(0, stdout.lastIndexOf('\n') + 1)
      const seen = events(shown)
      const { run } = foldRun(seen)
      const store = new RunStore(folder)
      expect(store.summary(run).status).toBe('interrupted')
      expect(store.events(run).slice(0, seen.length)).toEqual(seen.map(storedEvent))
      const next = await braid(
        solve('Hi', '--strategy', 'sequential', '--budget', '4', '--summary-budget', '4', '--json'),
        { env },
      )
      expect(next.code, next.stderr).toBe(0)
    },
  )

  it('keeps everything but results off stdout when a run fails', async () => {
    const text = join(folder, 'text.gguf')
    writeFileSync(text, 'not a model')
    for (const file of [join(folder, 'none.gguf'), text, folder]) {
      const before = runs()
      const { code, stdout, stderr } = await braid(['solve', 'x', '--model', file], { env })
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr.trim().split('\n').at(-1)).toMatch(
        /^braid: .*\((model-not-found|bad-model|io)\)$/,
      )
      expect(runs()).toEqual(before)
    }
    const tooSmall = await braid(
      ['solve', 'x'.repeat(4000), '--model', model, '--threads', '1', '--context', '64', '--json'],
      { env },
    )
    expect(tooSmall.code).toBe(1)
    expect(tooSmall.stderr).toContain('context-too-small')
    expect(events(tooSmall.stdout).at(-1)).toMatchObject({
      type: 'run-failed',
      error: { code: 'context-too-small' },
    })
  })
})

describe('wrong use', () => {
  it.concurrent.each([
    [['--budget', '0'], /--budget.*from 1 to 1048576/],
    [['--budget', '-1'], /--budget/],
    [['--budget', '1.5'], /--budget/],
    [['--budget', 'NaN'], /--budget/],
    [['--budget', '4294967296'], /--budget/],
    [['--paths', '65'], /--paths.*from 1 to 64/],
    [['--runs', '0'], /--runs/],
    [['--temperature', '1e308'], /--temperature.*from 0 to 10/],
    [['--temperature', ''], /--temperature/],
    [['--top-p', '2'], /--top-p.*from 0 to 1/],
    [['--seed', '4294967296'], /--seed.*4294967295/],
    [['--top', '21'], /--top.*from 0 to 20/],
    [['--threads', '513'], /--threads/],
    [['--context', '-1'], /--context/],
    [['--gpu-layers', '-2'], /--gpu-layers/],
    [['--summary-budget', '0'], /--summary-budget/],
    [['--strategy', 'x'], /--strategy.*parallel/],
    [['--judgements', '4'], /--judgements.*from 1 to 3/],
    [['--finish', 'x'], /--finish/],
    [['--vote', 'x'], /--vote/],
    [['--kv-type', 'f64'], /--kv-type/],
    [['--flash-attn', 'x'], /--flash-attn/],
    [['--fusion', 'x'], /--fusion/],
    [['--thinking', 'x'], /--thinking/],
    [['--reasoning-effort', 'a b'], /--reasoning-effort.*word/],
    [['--frob'], /--frob/],
    [['-2 + 3'], /unknown option '-2 \+ 3' .*-- '/],
    [['--out', 'x.txt'], /--out.*\.json/],
    [['--out', '/no/such/folder/x.md'], /--out.*does not exist/],
  ])('%j: one line that names the flag, code 2', async (flags, said) => {
    const { code, stdout, stderr } = await braid(['solve', 'x', ...flags], { env })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(said)
  })

  it('of commands and files', async () => {
    const text = join(folder, 'no.json')
    writeFileSync(text, '{"prompt":')
    for (const args of [
      [],
      ['frob'],
      ['solve'],
      ['solve', ''],
      ['score', text],
      ['score', join(folder, 'none')],
      ['export', 'x', '--format', 'exe'],
    ]) {
      const { code, stdout } = await braid(args, { env })
      expect([args.join(' '), code, stdout]).toEqual([args.join(' '), 2, ''])
    }
    for (const args of [
      ['export', '../../etc/passwd'],
      ['export', 'none'],
    ])
      expect((await braid(args, { env })).code).toBe(1)
    expect(await braid(['--version'], { env })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })
})

describe('other commands', () => {
  it('score prints one logprob a token, from ids and from text alike', async () => {
    const file = join(folder, 'score.json')
    writeFileSync(
      file,
      JSON.stringify({
        prompt: 'The capital of France is',
        paths: [
          { thought: 0, tokens: ' Paris.' },
          { thought: 0, tokens: ' London, as you know' },
        ],
        summary: ' So it is',
      }),
    )
    const first = await braid(['score', file, '--model', model, '--threads', '1'], { env })
    expect(first.code, first.stderr).toBe(0)
    const scored = JSON.parse(first.stdout) as {
      prompt: { id: number; text: string; logprob: number | null }[]
      paths: { id: number; logprob: number | null }[][]
      summary: { id: number; logprob: number | null }[]
    }
    expect(scored.prompt.map((token) => token.text).join('')).toBe('The capital of France is')
    expect(scored.prompt.map((token) => token.logprob === null)).toEqual(
      scored.prompt.map((_, i) => i === 0),
    )
    expect(
      scored.paths.every((path) =>
        path.every((token) => token.logprob !== null && token.logprob <= 0),
      ),
    ).toBe(true)
    expect(scored.summary.map((token) => token.logprob === null)).toEqual(
      scored.summary.map((_, i) => i === 0),
    )
    expect(scored.paths[0]![0]!.logprob!).toBeGreaterThan(scored.paths[1]![0]!.logprob!)
    const ids = (list: { id: number }[]) => list.map((token) => token.id)
    const same = {
      prompt: ids(scored.prompt),
      paths: scored.paths.map((path) => ({ thought: 0, tokens: ids(path) })),
      summary: ids(scored.summary),
    }
    const again = await braid(['score', '-', '--model', model, '--threads', '1'], {
      env,
      stdin: JSON.stringify(same),
    })
    expect(JSON.parse(again.stdout)).toEqual(scored)
  })

  it('devices and model say what is there', async () => {
    const devices = await braid(['devices', '--json'], { env })
    expect(JSON.parse(devices.stdout).devices).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'CPU', memoryTotal: expect.any(Number) }),
      ]),
    )
    const [cpu] = (JSON.parse(devices.stdout) as Result<'devices.state'>).devices
    expect(cpu!.memoryFree).toBeLessThan(cpu!.memoryTotal)
    expect((await braid(['devices'], { env })).stdout).toMatch(/^device +type[^]*CPU/)
    const info = JSON.parse(
      (await braid(['model', model, '--json', '--paths', '8', '--budget', '512'], { env })).stdout,
    )
    expect(info).toMatchObject({
      architecture: 'llama',
      trainContext: 8192,
      nativePaths: 0,
      kvBytesPerToken: { f16: 23040 },
      fit: { verdict: expect.any(String) },
    })
    expect(info.fit.kv).toBeGreaterThanOrEqual(8 * 512 * 23040)
    expect((await braid(['model', model], { env })).stdout).toMatch(
      /control tokens +none[^]*KV bytes per token +f32 46080/,
    )
    expect((await braid(['model', join(folder, 'none.gguf')], { env })).code).toBe(1)
    expect(existsSync(join(folder, 'runs'))).toBe(true)
  })
})
