import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../engine/native/load.ts'
import { serverAddress } from '../../engine/protocol/address.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { LIMITS } from '../../engine/remote/index.ts'
import { Engine } from '../../engine/run/index.ts'
import { ensureServer, serverMissing } from '../../scripts/native/index.ts'
import { Watched } from '../run/support.ts'
import { freePort, startLlamaServer } from '../support/llama-server.ts'
import { smolLM2 } from '../support/models.ts'

type Settings = RunRequest['settings']

/** llama.cpp's own server, from the pinned source, with SmolLM2. */
describe.skipIf(serverMissing() !== undefined)('a model on a real llama-server', () => {
  const name = 'smollm2'
  let program: string
  let file: string
  let port: number
  let child: ChildProcess
  let engine: Engine

  // Its threads wait for one another by spinning, which beside other programs takes for ever: one is enough.
  const flags = ['-a', name, '-c', '8192', '-np', '4', '-t', '1']
  const startServer = async () => {
    child = await startLlamaServer(program, file, port, flags)
  }
  const killServer = async () => {
    const gone = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGKILL')
    await gone
  }
  const think = (settings: Settings, problem = 'How much is 6 times 7?') =>
    new Watched(
      engine.think({
        problem,
        model: serverAddress({ server: `http://127.0.0.1:${port}`, name }),
        settings: { budget: 24, summaryBudget: 16, ...settings },
      }),
    )

  beforeAll(async () => {
    program = await ensureServer()
    file = await smolLM2()
    port = await freePort()
    await startServer()
    engine = new Engine({
      addon: loadAddon({ gpu: false }),
      version: 'test',
      // It loads its model for a while when it is started again.
      serverLimits: { ...LIMITS, attempts: 200, longestPause: 500 },
    })
  }, 1_800_000)
  afterAll(async () => {
    await engine?.close()
    child?.kill('SIGKILL')
  })

  it.each<[string, Settings]>([
    ['parallel', { strategy: 'parallel', paths: 3, answerBy: 'summary' }],
    ['sequential', { strategy: 'sequential' }],
    ['majority', { strategy: 'majority', paths: 5 }],
    ['parallel-majority', { strategy: 'parallel-majority', paths: 2, runs: 2 }],
    ['refine', { strategy: 'refine', paths: 2, rounds: 2, reads: 2, answerBy: 'summary' }],
    ['tournament', { strategy: 'tournament', paths: 2, judgements: 1 }],
    ['stop decided', { strategy: 'majority', paths: 4, stop: 'decided', wave: 2 }],
    ['stop stable', { strategy: 'majority', paths: 2, budget: 40, stop: 'stable', probeEvery: 16 }],
    ['confidence', { strategy: 'majority', paths: 2, weight: 'confidence' }],
  ])('follows %s', async (_, settings) => {
    const run = await think(settings).end()
    expect(run.failure).toBeNull()
    const { paths, summaries, model } = run.state
    expect(model!.capabilities).toMatchObject({ dialect: 'llama-server', slots: 4, context: 2048 })
    for (const { tokens, text, reason } of [...paths, ...summaries]) {
      expect(['finished', 'budget', 'cut']).toContain(reason)
      expect(
        tokens
          .slice()
          .map((token) => token.text)
          .join(''),
      ).toBe(text)
      for (const token of tokens.slice()) expect(token.logprob).toBeLessThanOrEqual(0)
    }
  })

  it('takes branches, with tokens of the alternatives, and continues a text by its ids', async () => {
    const greedy = { strategy: 'sequential', sampling: { temperature: 0 } } as const
    const whole = await think({ ...greedy, budget: 20, alternatives: 3 }).end()
    const half = await think({ ...greedy, budget: 10 }).end()
    await half.after({ type: 'extend', segment: 'p1', tokens: 10 })
    expect(half.ids('p1')).toEqual(whole.ids('p1'))
    const { alternatives, id } = whole.segment('p1').tokens.at(4)!
    expect(alternatives).toHaveLength(3)
    const other = alternatives!.find((one) => one.id !== id)!
    await whole.after({ type: 'branch', segment: 'p1', at: 4, token: other.id })
    expect(whole.segment('p2').tokens.at(4)).toMatchObject({
      id: other.id,
      text: other.text,
      forced: true,
    })
  })

  it('holds answers to a JSON schema, and does not continue one that was cut', async () => {
    const schema = JSON.stringify({
      type: 'object',
      properties: { n: { type: 'integer' } },
      required: ['n'],
    })
    const settings = { strategy: 'sequential', schema, budget: 40 } as const
    const run = await think(settings, 'How much is 6 times 7, as JSON?').end()
    expect(JSON.parse(run.segment('p1').text)).toEqual({ n: expect.any(Number) })
    const cut = await think({ ...settings, budget: 3 }, 'How much is 6 times 7?').end()
    await cut.after({ type: 'extend', segment: 'p1', tokens: 8 })
    expect(cut.segment('p1')).toMatchObject({
      status: 'failed',
      error: { detail: 'bad-combination/server-schema' },
    })
    const fused = await think({ strategy: 'parallel', paths: 2, schema, summaryBudget: 40 }).end()
    expect(JSON.parse(fused.segment('s1').text)).toEqual({ n: expect.any(Number) })
  })
  it('gives characters of several tokens whole', async () => {
    const run = await think(
      { strategy: 'sequential', budget: 40 },
      'Say 😀🎉数 again and again.',
    ).end()
    expect(run.failure).toBeNull()
    expect(run.segment('p1').text).not.toContain('\ufffd')
  })

  it('is killed in mid-run and started again: every path goes on behind what it had', async () => {
    const run = think({ strategy: 'majority', paths: 3, budget: 120 }, 'Tell me a long story.')
    await run.until(
      () =>
        run.state.paths.length === 3 && run.state.paths.every(({ tokens }) => tokens.length > 8),
    )
    await killServer()
    const before = run.state.paths.map(({ text }) => text)
    await startServer()
    await run.end()
    expect(run.failure).toBeNull()
    for (const [i, { text, reason }] of run.state.paths.entries()) {
      expect(['finished', 'budget']).toContain(reason)
      expect(text.startsWith(before[i]!)).toBe(true)
    }
  })

  it('stops at once when the run is cancelled', async () => {
    const run = think({ strategy: 'majority', paths: 4, budget: 1000 }, 'Tell me a long story.')
    await run.until(({ type }) => type === 'tokens')
    await run.handle.command({ type: 'cancel' })
    await run.end()
    const idle = async () => {
      const slots = await (await fetch(`http://127.0.0.1:${port}/slots`)).json()
      return (slots as { is_processing: boolean }[]).every(({ is_processing }) => !is_processing)
    }
    await expect.poll(idle).toBe(true)
  })
})
