import { expect, it } from 'vitest'
import { u32 } from '../support/gguf-writer.ts'
import { disagreement, EXACT, newEngine, rescore, start, tinyFile } from '../run/support.ts'

const engine = newEngine()
const tiny = tinyFile({ seed: 3 })
const id = (text: string) => tiny.model.vocabulary.id(text)
const options = { model: tiny.file, engine: EXACT }
const code = (code: string) => expect.objectContaining({ code }) as Error

it('takes ids verbatim and text with its special tokens, and adds nothing', async () => {
  const prompt = [id('t'), id('h')]
  const result = await engine.score(
    {
      prompt,
      paths: [
        { thought: 1, tokens: '<think1>th' },
        { thought: 2, tokens: [id('<think2>'), id('a')] },
      ],
      summary: '<summary>x',
    },
    options,
  )
  expect(result.prompt.map((token) => token.id)).toEqual(prompt)
  expect(result.prompt[0]!.logprob).toBeNull()
  expect(result.paths.map((path) => path.map((token) => token.id))).toEqual([
    [id('<think1>'), id('th')],
    [id('<think2>'), id('a')],
  ])
  for (const path of result.paths) for (const { logprob } of path) expect(logprob).toBeLessThan(0)
  expect(result.summary.map(({ id, text, logprob }) => [id, text, logprob === null])).toEqual([
    [id('<summary>'), '<summary>', true],
    [id('x'), 'x', false],
  ])
})

it('joins paths of unequal length, and one path alone has no logprob before its summary either', async () => {
  const path = (n: number) => ({
    thought: n,
    tokens: Array.from({ length: n * 3 }, (_, i) => id('a') + i),
  })
  const summary = [id('<summary>'), id('o'), id('r')]
  for (const paths of [[path(1)], [path(1), path(2), path(3)], []]) {
    const result = await engine.score({ prompt: 'the', paths, summary }, options)
    expect(result.summary.map(({ logprob }) => logprob === null)).toEqual([true, false, false])
  }
  const [one, two] = [
    await engine.score({ prompt: 'the', paths: [path(1), path(3)], summary }, options),
    await engine.score({ prompt: 'the', paths: [path(3), path(1)], summary }, options),
  ]
  for (const i of [1, 2])
    expect(Math.abs(one.summary[i]!.logprob! - two.summary[i]!.logprob!)).toBeLessThan(1e-4)
})

it('the thought selects the row; without the embedding no row counts', async () => {
  const scored = async (thought: number, thoughtEmbedding: boolean) =>
    (
      await engine.score(
        { prompt: 'the', paths: [{ thought, tokens: '<think1>the' }] },
        { ...options, thoughtEmbedding },
      )
    ).paths[0]!.map(({ logprob }) => logprob!)
  const [one, two, off, offToo] = [
    await scored(1, true),
    await scored(2, true),
    await scored(1, false),
    await scored(2, false),
  ]
  expect(off).toEqual(offToo)
  expect(one).not.toEqual(two)
  expect(one).not.toEqual(off)
})

it('scales positions for the budget of the run, as the run did', async () => {
  const other = tinyFile({ seed: 34, endless: true, keys: { 'parathinker.rope_budget': u32(64) } })
  const run = await start(engine, other.file, 'the answer', {
    paths: 2,
    budget: 1500,
    summaryBudget: 8,
    sampling: { temperature: 0 },
  }).until(
    (_, { state }) =>
      state.paths.length === 2 && state.paths.every(({ tokens }) => tokens.length > 10),
  )
  await run.handle.command({ type: 'summarise' })
  await run.end()
  expect(disagreement(run, 's1', await rescore(engine, other.file, run, 's1'))).toBeLessThan(1e-4)
  const input = {
    prompt: [...run.state.promptTokens],
    paths: [{ thought: 1, tokens: run.ids('p1').slice(0, 11) }],
  }
  const last = async (budget?: number) =>
    (await engine.score(input, { ...options, model: other.file, budget })).paths[0]!.at(-1)!
      .logprob!
  expect(await last(1500)).toBeCloseTo(run.state.paths[0]!.tokens.at(10)!.logprob!, 4)
  expect(Math.abs((await last()) - (await last(1500)))).toBeGreaterThan(1e-3)
})

it('refuses what is out of range', async () => {
  const refused = (input: unknown, more = {}) =>
    engine.score(input as never, { ...options, ...more })
  await expect(refused({ prompt: [1e6] })).rejects.toThrowError(code('out-of-range'))
  await expect(refused({ prompt: [-1] })).rejects.toThrowError(code('bad-request'))
  await expect(refused({ prompt: [] })).rejects.toThrowError(code('bad-request'))
  await expect(
    refused({ prompt: 'a', paths: [{ thought: 99, tokens: [1] }] }),
  ).rejects.toThrowError(code('out-of-range'))
  await expect(refused({ prompt: 'a', path: [] })).rejects.toThrowError('"path"')
  await expect(
    refused({ prompt: 'a', paths: [{ thought: 1, token: [1], tokens: [1] }] }),
  ).rejects.toThrowError(code('bad-request'))
  await expect(refused({ prompt: 'a' }, { budget: 0 })).rejects.toThrowError(code('bad-request'))
  await expect(refused({})).rejects.toThrowError(code('bad-request'))
  await expect(
    refused({ prompt: 'a' }, { engine: { ...EXACT, threads: -1 } }),
  ).rejects.toThrowError(code('bad-request'))
  await expect(
    refused({ prompt: 'the '.repeat(100) }, { engine: { ...EXACT, context: 20 } }),
  ).rejects.toThrowError(code('context-too-small'))
  expect((await refused({ prompt: 'a' })).prompt).toHaveLength(1)
})
