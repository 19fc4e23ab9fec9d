/** The layout `consecutive` through the engine, scored and in whole runs, against the float64 reference. CPU. */
import { describe, expect, it } from 'vitest'
import type { RunEvent, SegmentId } from '../../engine/protocol/events.ts'
import { isOpen } from '../../engine/protocol/run-state.ts'
import { numberOf } from '../../engine/protocol/segments.ts'
import { u32 } from '../support/gguf-writer.ts'
import { Random } from '../support/random.ts'
import { reference, type ReferencePath } from '../support/reference.ts'
import type { TinyModel } from '../support/tiny-models.ts'
import { newEngine, readInTurn, start, tinyFile, Watched, type Settings } from '../run/support.ts'
import { difference, EXACT, HALF, randomTokens, scenario } from './harness.ts'

const F32 = { device: 'cpu', threads: 1, kvType: 'f32', flashAttention: 'off' } as const
/** Q8_0 cells: keys are rounded when they are stored, and once more when a copy is moved. */
const QUANTISED = 0.5
const engine = newEngine()

type DecodedToken = { id: number; logprob: number | null }

describe.each(['qwen2', 'llama'] as const)('%s, scored', (shape) => {
  const { model, file } = tinyFile({ shape, seed: 61 })
  const random = new Random(7)
  const input = {
    ...scenario(model, [20, 3, 31, 8], 13),
    consecutive: {
      keep: 14,
      separators: [11, 4, 0, 5].map((length) => randomTokens(model, random, length)),
    },
  }
  const score = (options: object, budget?: number, more: object = {}) =>
    engine.score(
      {
        layout: 'consecutive',
        prompt: [...input.prompt],
        paths: input.paths.map(({ thought, tokens }) => ({ thought, tokens: [...tokens] })),
        separators: input.consecutive.separators,
        keep: input.consecutive.keep,
        summary: input.summary,
        ...more,
      },
      { model: file, engine: { ...F32, ...options }, budget },
    )

  it.each([
    ['F32 cells, no flash attention', {}, EXACT],
    ['the defaults', { kvType: 'f16', flashAttention: 'auto' }, HALF],
    ['Q8_0 cells', { kvType: 'q8_0', flashAttention: 'on' }, QUANTISED],
  ] as const)('%s', async (_, options, bound) => {
    const scored = await score(options)
    const expected = reference(model, input)
    expect(difference(scored.prompt, expected.prompt)).toBeLessThan(bound)
    scored.paths.forEach((path, i) =>
      expect(difference(path, expected.paths[i]!)).toBeLessThan(bound),
    )
    expect(difference(scored.summary, expected.summary)).toBeLessThan(bound)
  })

  it('another number of kept tokens, another order or the other layout is not the same', async () => {
    const expected = reference(model, input)
    for (const more of [
      { keep: 17 },
      { layout: 'shared', separators: undefined, keep: undefined },
    ]) {
      const scored = await score({}, undefined, more)
      expect(difference(scored.summary, expected.summary)).toBeGreaterThan(0.05)
    }
  })

  it('says what is wrong with an input', async () => {
    const code = (code: string) => expect.objectContaining({ code }) as Error
    await expect(score({}, undefined, { separators: [[1]] })).rejects.toThrowError(
      code('bad-request'),
    )
    await expect(score({}, undefined, { keep: 18 })).rejects.toThrowError(code('out-of-range'))
    await expect(score({}, undefined, { layout: 'shared' })).rejects.toThrowError(
      code('bad-request'),
    )
  })
})

it('scored under YaRN with factor 4: its magnitude is applied once', async () => {
  const { model, file } = tinyFile({
    seed: 62,
    keys: {
      'parathinker.rope_budget': u32(64),
      'parathinker.rope_original_context': u32(64),
    },
  })
  const separators = [
    [1, 2, 3],
    [4, 5],
  ]
  const input = {
    ...scenario(model, [20, 9], 5),
    consecutive: { keep: 17, separators },
    yarn: { factor: 4, originalContext: 64 },
  }
  const scored = await engine.score(
    {
      layout: 'consecutive',
      prompt: [...input.prompt],
      paths: input.paths.map(({ thought, tokens }) => ({ thought, tokens: [...tokens] })),
      separators,
      summary: input.summary,
    },
    { model: file, engine: F32, budget: 256 },
  )
  expect(difference(scored.summary, reference(model, input).summary)).toBeLessThan(EXACT)
})

const TEMPLATE =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
const CHAT = ['<|im_start|>', '<|im_end|>']

/** Returns the largest differences of every path and of a summary. */
function parity(
  model: TinyModel,
  run: Watched,
  summary: SegmentId,
  then = run.state,
  length = Infinity,
) {
  const { keep, separators, parts } = readInTurn(run, summary)
  const paths: ReferencePath[] = then.paths.map(({ thought, parent, tokens }) => ({
    thought,
    tokens: tokens.slice(parent?.at ?? 0).map(({ id }) => id!),
    ...(parent && { parent: { path: numberOf(parent.segment) - 1, at: parent.at } }),
  }))
  const written = run.segment(summary).tokens.slice(0, length) as DecodedToken[]
  const expected = reference(model, {
    prompt: then.promptTokens,
    paths,
    summaryPaths: parts.map(({ segment }) => numberOf(segment) - 1),
    consecutive: { keep, separators, from: parts.map(({ from }) => from) },
    summary: written.map(({ id }) => id),
  })
  const ofPaths = then.paths.map(({ tokens, parent }, i) => {
    const own = tokens.slice(parent?.at ?? 0) as DecodedToken[]
    // Tokens that a path was given were not scored.
    const given = own.findIndex(({ logprob }) => logprob !== null)
    return difference(own.slice(given), expected.paths[i]!.slice(given))
  })
  return { paths: Math.max(...ofPaths), summary: difference(written, expected.summary) }
}

describe.each(['qwen2', 'llama'] as const)(
  '%s, in runs of a model that was not trained',
  (shape) => {
    const options = { shape, pairs: 0, thoughts: 0, endless: true } as const
    const plain = tinyFile({ ...options, seed: 63 })
    const chat = tinyFile({ ...options, seed: 64, chatTemplate: TEMPLATE, control: CHAT })
    const begin = (file: string, settings: Settings = {}) =>
      start(engine, file, 'the answer and the reason', {
        paths: 4,
        budget: 30,
        summaryBudget: 16,
        seed: 4,
        sampling: { temperature: 1 },
        ...settings,
      }).end()
    const exact = (model: TinyModel, run: Watched, summary: SegmentId, length?: number) => {
      const { paths, summary: own } = parity(model, run, summary, run.state, length)
      expect(paths, 'paths').toBeLessThan(EXACT)
      expect(own, summary).toBeLessThan(EXACT)
    }

    it('paths of a chat, with a system prompt: read behind the user’s words, and moved again for another summary', async () => {
      const run = await begin(chat.file, { system: 'Be exact.' })
      expect(run.segment('s1')).toMatchObject({ fusion: 'cache', reads: ['p1', 'p2', 'p3', 'p4'] })
      const { keep, separators } = readInTurn(run, 's1')
      const after = [...chat.model.vocabulary.tokens.entries()].find(
        ([, text]) => text === '<|im_end|>',
      )![0]
      expect(run.state.promptTokens[keep]).toBe(after)
      expect(separators.at(-1)).toContain(after)
      exact(chat.model, run, 's1')
      await run.after({ type: 'summarise', segments: ['p3', 'p1'] })
      exact(chat.model, run, 's2')
      await run.after({ type: 'summarise', segments: ['p2', 'p3', 'p4'] })
      exact(chat.model, run, 's3')
      await run.handle.close()
    })

    it('a path that thinks on after it was moved, a branch of it, and what is dropped', async () => {
      const run = await begin(plain.file)
      exact(plain.model, run, 's1')
      await run.after({ type: 'extend', segment: 'p2', tokens: 11 })
      await run.after({ type: 'summarise' })
      exact(plain.model, run, 's2')
      await run.after({ type: 'branch', segment: 'p3', at: 9, token: 70 })
      await run.after({ type: 'summarise' })
      expect(run.segment('s3').reads).toContain('p5')
      exact(plain.model, run, 's3')
      await run.handle.command({ type: 'drop', segment: 'p1' })
      await run.after({ type: 'summarise' })
      exact(plain.model, run, 's4')
      await run.handle.close()
    })

    it('a path extended and a path branched while a summary reads them', async () => {
      const run = await start(engine, plain.file, 'the answer', {
        paths: 3,
        budget: 20,
        summaryBudget: 3000,
        sampling: { temperature: 0 },
      }).until((_, { state }) => (state.summaries[0]?.tokens.length ?? 0) > 3)
      const then = run.state
      await run.handle.command({ type: 'extend', segment: 'p1', tokens: 15 })
      const { segment: branch } = await run.handle.command({ type: 'branch', segment: 'p2', at: 7 })
      const length = (segment: SegmentId) => run.segment(segment)?.tokens.length
      await run.until(() => length('p1') === 35 && length(branch!) === 20)
      const { tokens } = run.segment('s1')
      expect(isOpen(run.segment('s1'))).toBe(true)
      await run.handle.command({ type: 'stop-all' })
      await run.end()
      expect(parity(plain.model, run, 's1', then, tokens.length).summary).toBeLessThan(EXACT)
      await run.handle.command({ type: 'summarise' })
      await run.until((_, { state }) => (state.summaries[1]?.tokens.length ?? 0) > 20)
      await run.handle.command({ type: 'stop-all' })
      await run.end(2)
      exact(plain.model, run, 's2', 20)
      await run.handle.close()
    })

    it('a run taken up from its events alone: the cells are restored, then joined', async () => {
      const first = await begin(plain.file)
      await first.after({ type: 'branch', segment: 'p1', at: 5 })
      await first.handle.close()
      const events = first.events.map((event) => JSON.parse(JSON.stringify(event)) as RunEvent)
      const run = new Watched(engine.resume(events), events)
      await run.after({ type: 'summarise' })
      exact(plain.model, run, 's2')
      await run.after({ type: 'extend', segment: 'p2', tokens: 7 })
      await run.after({ type: 'summarise', segments: ['p2', 'p5'] })
      exact(plain.model, run, 's3')
      await run.handle.close()
    })

    it('groups that are joined each for itself', async () => {
      const run = await begin(plain.file, { strategy: 'parallel-majority', paths: 2, runs: 2 })
      exact(plain.model, run, 's1')
      exact(plain.model, run, 's2')
      await run.handle.close()
    })

    it.each([
      ['the defaults', { kvType: 'f16', flashAttention: 'auto' }, HALF],
      ['Q8_0 cells, which are always copied', { kvType: 'q8_0', flashAttention: 'on' }, QUANTISED],
    ] as const)('%s', async (_, more, bound) => {
      const run = await begin(plain.file, { engine: more })
      await run.after({ type: 'summarise' })
      for (const summary of ['s1', 's2'])
        expect(parity(plain.model, run, summary).summary).toBeLessThan(bound)
      await run.handle.close()
    })
  },
)

describe('a model that thinks before it answers', () => {
  const CLOSE = '</think>'
  const { model, file } = tinyFile({
    seed: 65,
    pairs: 0,
    thoughts: 0,
    endless: true,
    control: [CLOSE],
  })
  const close = model.vocabulary.id(CLOSE)
  const given = (...paths: number[][]) =>
    new Map(paths.map((tokens, i) => [`p${i + 1}`, tokens] as const))
  const text = (length: number) => Array.from({ length }, (_, i) => 65 + (i % 26))
  const settings = { paths: 2, budget: 12, tail: 6, summaryBudget: 8, sampling: { temperature: 0 } }

  it('what follows the thought is read, and the end of a path that was cut before', async () => {
    const run = await start(engine, file, 'the answer', settings, {
      given: given([...text(20), close], text(9)),
    }).end()
    // The model may close a thought by itself.
    const from = run.ids('p1').lastIndexOf(close) + 1
    const cut = run.ids('p2').lastIndexOf(close)
    const { parts, separators } = readInTurn(run, 's1')
    expect(parts[0]).toEqual({ segment: 'p1', from, to: 33 })
    expect(cut).toBe(-1)
    expect(parts[1]).toEqual({ segment: 'p2', from: 15, to: 21 })
    const words = (ids: number[]) => ids.map((id) => model.vocabulary.tokens[id]).join('')
    expect(words(separators[0]!)).not.toContain('unfinished')
    expect(words(separators[1]!)).toContain('(unfinished)')
    expect(run.state.notices.map(({ code }) => code)).toEqual(['cache-fusion'])
    expect(parity(model, run, 's1').summary).toBeLessThan(EXACT)
  })

  it('if no thought is closed, all ends are read, with a notice', async () => {
    const run = await start(engine, file, 'the answer', settings).end()
    expect([...run.ids('p1'), ...run.ids('p2')]).not.toContain(close)
    expect(readInTurn(run, 's1').parts.map(({ from, to }) => to - from)).toEqual([6, 6])
    expect(run.state.notices).toMatchObject([
      { code: 'cache-fusion' },
      { code: 'thoughts-open', params: { tail: 6 } },
    ])
    expect(parity(model, run, 's1').summary).toBeLessThan(EXACT)
  })
})

it('paths that do not fit the trained context lose their beginning, and the run says so', async () => {
  const { model, file } = tinyFile({ seed: 66, pairs: 0, thoughts: 0, endless: true, context: 512 })
  const run = await start(engine, file, 'the answer', {
    paths: 4,
    budget: 90,
    summaryBudget: 16,
    sampling: { temperature: 0 },
  }).end()
  const { parts } = readInTurn(run, 's1')
  expect(parts.every(({ from, to }) => from > 0 && to === 90)).toBe(true)
  expect(run.state.notices.map(({ code }) => code)).toEqual([
    'cache-fusion',
    ...parts.map(() => 'path-shortened'),
  ])
  expect(run.state.summaries[0]!.cuts).toEqual(
    parts.map(({ segment, from }) => ({ segment, removed: from })),
  )
  expect(parity(model, run, 's1').summary).toBeLessThan(EXACT)
})
