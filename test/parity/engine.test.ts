/** Whole runs through the engine, commands included, against the reference. F32 cache, no flash attention, CPU. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../engine/native/load.ts'
import type { RunEvent, SegmentId } from '../../engine/protocol/events.ts'
import { numberOf } from '../../engine/protocol/segments.ts'
import { Engine } from '../../engine/run/index.ts'
import { reference, type ReferencePath, type ReferenceToken } from '../support/reference.ts'
import { tinyModel, writeTiny, type TinyModel } from '../support/tiny-models.ts'
import { Watched } from '../run/support.ts'
import { difference, EXACT, HALF, scenario } from './harness.ts'

const ENGINE = { device: 'cpu', threads: 1, kvType: 'f32', flashAttention: 'off' } as const
type DecodedToken = { id: number; logprob: number | null }

const folder = mkdtempSync(join(tmpdir(), 'braid-parity-engine-'))
const engine = new Engine({ addon: loadAddon(), version: 'test' })
afterAll(async () => {
  await engine.close()
  rmSync(folder, { recursive: true })
})

/** Returns the run's paths as the reference takes them: a branch's own tokens come after those it keeps. */
function asPaths({ state }: Watched): ReferencePath[] {
  return state.paths.map(({ thought, parent, tokens }) => ({
    thought,
    tokens: tokens.slice(parent?.at ?? 0).map(({ id }) => id!),
    ...(parent && { parent: { path: numberOf(parent.segment) - 1, at: parent.at } }),
  }))
}

/** Returns the largest differences of every path and of a summary. */
function parity(
  model: TinyModel,
  run: Watched,
  segment: SegmentId,
): { paths: number; summary: number } {
  const { state } = run
  const { reads, tokens } = run.segment(segment)
  const summary = tokens.slice() as DecodedToken[]
  const expected = reference(model, {
    prompt: state.promptTokens,
    paths: asPaths(run),
    summaryPaths: reads.map((path) => numberOf(path) - 1),
    summary: summary.map(({ id }) => id),
  })
  const paths = state.paths.map(({ tokens, parent }, i) =>
    difference(tokens.slice(parent?.at ?? 0) as DecodedToken[], expected.paths[i]!),
  )
  return { paths: Math.max(...paths), summary: difference(summary, expected.summary) }
}

/** Returns a path that may be extended. */
const open = ({ state }: Watched) =>
  state.paths.find(({ reason }) => reason !== 'finished')!.segment

describe.each(['qwen2', 'llama'] as const)('%s', (shape) => {
  const model = tinyModel({ shape, seed: 21 })
  const file = writeTiny(model, folder)
  const exact = (run: Watched, summary: SegmentId) => {
    const difference = parity(model, run, summary)
    expect(difference.paths, 'paths').toBeLessThan(EXACT)
    expect(difference.summary, summary).toBeLessThan(EXACT)
  }
  const begin = (settings: object = {}) =>
    new Watched(
      engine.think({
        problem: 'the answer and the reason',
        model: file,
        settings: {
          paths: 6,
          budget: 40,
          summaryBudget: 20,
          finish: 'half',
          seed: 4,
          sampling: { temperature: 1 },
          engine: ENGINE,
          ...settings,
        },
      }),
    ).end()

  it('half-finish, extend, drop, summaries over all and over a subset', async () => {
    const run = await begin()
    exact(run, 's1')
    await run.after({ type: 'extend', segment: open(run), tokens: 11 })
    await run.after({ type: 'summarise' })
    exact(run, 's2')
    await run.handle.command({ type: 'drop', segment: 'p3' })
    await run.after({ type: 'summarise' })
    expect(run.segment('s3').reads).not.toContain('p3')
    exact(run, 's3')
    await run.after({ type: 'summarise', segments: ['p1', 'p2', 'p5'] })
    exact(run, 's4')
    await run.handle.close()
  })

  it('a branch whose summary reads parent and branch: shared cells count once', async () => {
    const run = await begin({ finish: 'last', paths: 3 })
    const parent = run.state.paths.reduce((longest, path) =>
      path.tokens.length > longest.tokens.length ? path : longest,
    )
    await run.after({
      type: 'branch',
      segment: parent.segment,
      at: 9,
      token: model.vocabulary.id('Q'),
    })
    await run.after({ type: 'summarise' })
    exact(run, 's2')
    await run.handle.close()
  })

  it('a run taken up from its events alone: the cache is rebuilt', async () => {
    const first = await begin()
    await first.after({ type: 'branch', segment: 'p1', at: 5 })
    await first.handle.close()
    const events = first.events.map((event) => JSON.parse(JSON.stringify(event)) as RunEvent)
    const run = new Watched(engine.resume(events), events)
    await run.after({ type: 'summarise' })
    exact(run, 's2')
    const segment = open(run)
    await run.after({ type: 'extend', segment, tokens: 7 })
    await run.after({ type: 'summarise', segments: [segment, 'p4'] })
    exact(run, 's3')
    await run.handle.close()
  })

  it('sequential: one path through the same weights', async () => {
    const run = await begin({ strategy: 'sequential', paths: 1 })
    expect(run.state.paths).toHaveLength(1)
    exact(run, 's1')
    await run.handle.close()
  })

  it('the thought table off: parity with the reference without it only', async () => {
    const run = await begin({ controls: { thoughtEmbedding: false } })
    const { state } = run
    const { tokens, reads } = run.segment('s1')
    const input = {
      prompt: state.promptTokens,
      paths: asPaths(run),
      summaryPaths: reads.map((path) => numberOf(path) - 1),
      summary: run.ids('s1'),
    }
    const largest = (expected: { paths: ReferenceToken[][]; summary: ReferenceToken[] }) =>
      Math.max(
        ...state.paths.map((path, i) =>
          difference(path.tokens.slice() as DecodedToken[], expected.paths[i]!),
        ),
        difference(tokens.slice() as DecodedToken[], expected.summary),
      )
    expect(largest(reference(model, { ...input, thoughtEmbedding: false }))).toBeLessThan(EXACT)
    expect(largest(reference(model, input))).toBeGreaterThan(0.1)
    await run.handle.close()
  })

  it.each([
    ['F32 cache, no flash attention', ENGINE, EXACT],
    ['the defaults', { device: 'cpu', threads: 1 }, HALF],
  ] as const)('score: %s', async (_, options, bound) => {
    const input = scenario(model, [20, 3, 31, 8], 13)
    const scored = await engine.score(
      {
        prompt: [...input.prompt],
        paths: input.paths.map(({ thought, tokens }) => ({ thought, tokens: [...tokens] })),
        summary: input.summary,
      },
      { model: file, engine: options },
    )
    const expected = reference(model, input)
    expect(difference(scored.prompt, expected.prompt)).toBeLessThan(bound)
    scored.paths.forEach((path, i) =>
      expect(difference(path, expected.paths[i]!)).toBeLessThan(bound),
    )
    expect(difference(scored.summary, expected.summary)).toBeLessThan(bound)
  })
})
