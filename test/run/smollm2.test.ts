import { beforeAll, describe, expect, it } from 'vitest'
import { smolLM2 } from '../support/models.ts'
import { newEngine, solve, start, timeless, Watched, type Settings } from './support.ts'
import { since } from '../support/time.ts'

/** A published model without control tokens: SmolLM2-135M-Instruct. */
const engine = newEngine()
let file = ''
beforeAll(async () => {
  file = await smolLM2()
}, 600_000)

const settings: Settings = {
  paths: 2,
  budget: 24,
  summaryBudget: 16,
  seed: 5,
  question: 'value',
  engine: { device: 'cpu', threads: 1, kvType: 'f16', flashAttention: 'auto' },
}
const problem = 'What is 12 plus 30?'

describe('strategies on a model without control tokens', () => {
  it('parallel: paths over one prefill of the chat template, then a summary that reads their cells or a fresh prompt', async () => {
    const run = await solve(engine, file, problem, settings)
    const { state } = run
    expect(state).toMatchObject({ status: 'ended', fusion: 'cache', model: { nativePaths: 0 } })
    expect(state.settings!.finish).toBe('last')
    expect(state.notices.map(({ code }) => code)).toEqual(['cache-fusion'])
    expect(state.paths.map(({ thought }) => thought)).toEqual([0, 0])
    for (const { reason, tokens } of state.paths) {
      expect(['finished', 'budget']).toContain(reason)
      expect(tokens.slice().some(({ forced }) => forced === true)).toBe(false)
      expect(tokens.at(0)!.logprob).toEqual(expect.any(Number))
    }
    expect(state.summaries).toMatchObject([{ segment: 's1', reads: ['p1', 'p2'], fusion: 'cache' }])
    expect(state.summaries[0]!.text.length).toBeGreaterThan(0)
    expect(state.usage!.kvBytes).toBeGreaterThan(0)
    const reread = await solve(engine, file, problem, {
      ...settings,
      controls: { fusion: 'reread' },
    })
    expect(reread.state).toMatchObject({
      status: 'ended',
      fusion: 'reread',
      notices: [{ code: 'reread-fusion' }],
      summaries: [{ segment: 's1', reads: ['p1', 'p2'], fusion: 'reread' }],
    })
    expect(reread.ids('p1')).toEqual(run.ids('p1'))
  })

  it("sequential: one path and no summary; its answer is the run's", async () => {
    const run = await solve(engine, file, problem, {
      ...settings,
      strategy: 'sequential',
      sampling: { temperature: 0 },
    })
    expect(run.state.summaries).toEqual([])
    expect(run.state.answer).toBe(run.state.paths[0]!.answer?.text ?? null)
    // The same tokens prefilled at once score the same.
    const scored = await engine.score(
      { prompt: [...run.state.promptTokens], paths: [{ thought: 0, tokens: run.ids('p1') }] },
      { model: file, engine: { device: 'cpu', threads: 1 } },
    )
    for (const [i, { logprob }] of scored.paths[0]!.entries())
      expect(Math.abs(logprob! - run.state.paths[0]!.tokens.at(i)!.logprob!)).toBeLessThan(0.05)
  })

  it('majority: a vote over the paths themselves', async () => {
    const run = await solve(engine, file, problem, {
      ...settings,
      strategy: 'majority',
      paths: 3,
      vote: 'text',
    })
    expect(run.state.summaries).toEqual([])
    expect(run.state.votes).toMatchObject([{ over: 'paths', rule: 'text' }])
    expect(run.state.votes[0]!.classes.flatMap(({ members }) => members).sort()).toEqual([
      'p1',
      'p2',
      'p3',
    ])
  })

  it('parallel-majority: groups, a fresh prompt each, a vote over the summaries', async () => {
    const run = await solve(engine, file, problem, {
      ...settings,
      strategy: 'parallel-majority',
      runs: 2,
    })
    expect(run.state.summaries.map(({ reads }) => reads)).toEqual([
      ['p1', 'p2'],
      ['p3', 'p4'],
    ])
    expect(run.state.votes).toMatchObject([{ over: 'summaries' }])
  })

  it('the same request is the same transcript, also in another engine', async () => {
    const asked = { ...settings, sampling: { temperature: 1 }, budget: 16 }
    expect(timeless(await solve(newEngine(), file, problem, asked))).toEqual(
      timeless(await solve(engine, file, problem, asked)),
    )
  })
})

it('later summaries read a subset, by either fusion; a branch and an extension go on from the cells', async () => {
  const run = await solve(engine, file, problem, settings)
  await run.after({ type: 'branch', segment: 'p1', at: 3 })
  await run.after({ type: 'extend', segment: 'p1', tokens: 4 })
  await run.after({ type: 'summarise', segments: ['p3', 'p1'] })
  expect(run.state.summaries.at(-1)).toMatchObject({
    segment: 's2',
    reads: ['p1', 'p3'],
    fusion: 'cache',
  })
  await run.after({ type: 'summarise', segments: ['p3', 'p1'], fusion: 'reread' })
  expect(run.segment('s3')).toMatchObject({ reads: ['p1', 'p3'], fusion: 'reread' })
  expect(run.segment('s3').text.length).toBeGreaterThan(0)
})

it('an old run whose summary was re-read is summarised again, by either fusion', async () => {
  const run = await solve(engine, file, problem, { ...settings, controls: { fusion: 'reread' } })
  await run.close()
  const again = new Watched(engine.resume(run.events), run.events)
  await again.after({ type: 'summarise', fusion: 'cache' })
  await again.after({ type: 'summarise' })
  expect(again.state.summaries.map(({ fusion }) => fusion)).toEqual(['reread', 'cache', 'reread'])
  for (const summary of again.state.summaries) expect(summary.text.length).toBeGreaterThan(0)
})

it('majority runs may be summarised now: a summary over what there is', async () => {
  const run = await start(engine, file, 'Count from one to a thousand.', {
    ...settings,
    strategy: 'majority',
    budget: 900,
  }).until(
    (_, { state }) =>
      state.paths.length > 0 && state.paths.every(({ tokens }) => tokens.length > 3),
  )
  await run.handle.command({ type: 'summarise' })
  await run.end()
  expect(run.state.summaries).toMatchObject([{ segment: 's3', reads: ['p1', 'p2'] }])
  expect(run.state.answer).toBe(run.state.summaries[0]!.answer?.text ?? null)
})

it('cancel works within a second in mid-prefill and in mid-decode', async () => {
  for (const reach of ['run-started', 'tokens']) {
    const run = await start(engine, file, 'word '.repeat(reach === 'tokens' ? 20 : 3000), {
      ...settings,
      budget: 500,
    }).until(({ type }) => type === reach)
    const before = process.cpuUsage()
    await run.handle.command({ type: 'cancel' })
    await run.end()
    expect(since(before)).toBeLessThan(1000) // on one thread
    expect(run.state.endReason).toBe('cancelled')
  }
})

it('a follow-up reads the earlier turns', async () => {
  const handle = engine.think(
    {
      problem: 'And twice that?',
      model: file,
      followUp: { run: 'earlier', segment: 's1' },
      settings: { ...settings, strategy: 'sequential', budget: 8 },
    },
    { conversation: [{ problem, answer: '42' }] },
  )
  const run = await new Watched(handle).end()
  const { prompt } = await engine.score(
    { prompt: [...run.state.promptTokens] },
    { model: file, engine: { device: 'cpu', threads: 1 } },
  )
  const text = prompt.map((token) => token.text).join('')
  expect(text).toContain(
    `user\n${problem}<|im_end|>\n<|im_start|>assistant\n42<|im_end|>\n<|im_start|>user\nAnd twice that?<|im_end|>\n<|im_start|>assistant\n`,
  )
  expect(run.state.followUp).toEqual({ run: 'earlier', segment: 's1' })
})
