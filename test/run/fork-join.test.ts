import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FORK_FORMS, forkTree, lastOf, MAX_FORK_DEPTH } from '../../engine/protocol/forks.ts'
import { idsOf } from '../../engine/protocol/tokens.ts'
import { FORKING, planTokens } from '../support/forking-model.ts'
import { reference, type ReferencePath } from '../support/reference.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { FORKS } from '../support/scripts.ts'
import type { TinyModel } from '../support/tiny-models.ts'
import { newEngine, readInTurn, start, tinyFile, Watched, type Settings } from './support.ts'

const engine = newEngine()
const { tokens } = FORK_FORMS.multiverse
const forking = tinyFile(FORKING)
const settings = { strategy: 'fork-join', budget: 160, question: 'text' } satisfies Settings
/** Starts a run whose text begins with a plan that its next `</Goal>` ends. */
const fork = (seed: number, more: Settings = {}) =>
  start(
    engine,
    forking.file,
    'the answer',
    { ...settings, seed, ...more },
    { given: new Map([['p1', planTokens()]]) },
  )

/** Returns how far the log-probabilities of a run are from the reference's. */
function distance(run: Watched, model: TinyModel): number {
  const { paths, promptTokens } = run.state
  const index = (segment: string) => paths.findIndex((one) => one.segment === segment)
  const input: ReferencePath[] = paths.map(({ parent, reads, tokens }) => ({
    thought: 0,
    tokens: idsOf(tokens.slice(parent?.at ?? 0)),
    ...(parent !== null && { parent: { path: index(parent.segment), at: parent.at } }),
    ...(reads.length > 0 && { reads: reads.map(index) }),
  }))
  const right = reference(model, { prompt: promptTokens, paths: input })
  let most = 0
  for (const [i, { parent, tokens }] of paths.entries())
    for (const [k, token] of tokens.slice(parent?.at ?? 0).entries()) {
      const logprob = right.paths[i]![k]!.logprob
      if (token.logprob !== null && logprob !== null)
        most = Math.max(most, Math.abs(token.logprob - logprob))
    }
  return most
}

/** Runs whose trees differ: flat ones, and ones that are nested up to the deepest level. */
const SEEDS = [1, 2, 3, 4, 6, 11]

describe('a model that forks', () => {
  it('writes what the reference computes, however its texts are nested', async () => {
    const depths = new Set<number>()
    for (const seed of SEEDS) {
      const run = await fork(seed).end()
      expect(run.failure).toBeNull()
      const tree = [...forkTree(run.state.paths).values()]
      for (const { depth, children } of tree) {
        depths.add(depth)
        // The children of a plan begin at one position, unlike their ends.
        expect(new Set(children.map(({ parent }) => parent!.at)).size).toBeLessThan(2)
      }
      expect(distance(run, forking.model)).toBeLessThan(1e-4)
      expect(run.state.paths.every(({ tokens, budget }) => tokens.length <= budget)).toBe(true)
    }
    expect(Math.max(...depths)).toBe(MAX_FORK_DEPTH)
    expect(depths.size).toBe(MAX_FORK_DEPTH + 1)
  })

  it('gives the same run beside others', async () => {
    // Forks that happen at nearly the same time may be numbered in another order.
    const texts = ({ state }: Watched) =>
      state.paths.map(({ seed, tokens }) => [seed, ...idsOf(tokens.slice())].join()).sort()
    const alone = await fork(2, { alone: true }).end()
    const [again] = await Promise.all([fork(2).end(), fork(3).end()])
    expect(texts(again)).toEqual(texts(alone))
  })

  it('goes on from its events alone', async () => {
    const { events, state } = await fork(1).end()
    const last = lastOf(state.paths)!
    const again = new Watched(newEngine().resume(events), events)
    const { segment } = await again.after({ type: 'branch', segment: last.segment, at: 3 })
    expect(again.segment(segment!).tokens.length).toBeGreaterThan(3)
    expect(distance(again, forking.model)).toBeLessThan(1e-4)
  })

  it('joins the children that were kept, and those that were stopped', async () => {
    const run = fork(6, { budget: 4000, sampling: { temperature: 0 } })
    await run.until((event) => event.type === 'segment-started' && event.segment === 'p3')
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.end()
    expect(run.segment('p4').reads).toEqual(['p3'])
    expect(distance(run, forking.model)).toBeLessThan(1e-4)
  })
})

describe('a scripted model that forks', () => {
  const file = writeScripted(FORKS, { marks: tokens })
  afterAll(() => rmSync(dirname(file), { recursive: true }))
  const ask = (settings: Settings = {}) =>
    start(engine, file, 'How many are there?', { budget: 400, ...settings }).end()

  it('has the answer of its last text, by its own strategy if no other is asked for', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const run = await ask({ seed })
      const { settings, answer, question, paths, promptTokens } = run.state
      expect([settings!.strategy, answer, question]).toEqual(['fork-join', '12', 'value'])
      expect(String.fromCodePoint(...promptTokens)).toMatch(/parallel before answering\.$/)
      expect(paths[0]!.text).toMatch(/^<Think>[^]*<\/Goal>$/)
      expect(paths[1]!.text.slice(paths[0]!.text.length)).toMatch(/^\n<Path>\n1: /)
      expect(lastOf(paths)!.text).toMatch(/^<Conclusion>\n[^]*12\}\.$/)
    }
  })

  it('has the same words behind its question in a later summary', async () => {
    const run = await ask({ summaryBudget: 4 })
    await run.after({ type: 'summarise' })
    expect(readInTurn(run, 's1').keep).toBe(run.state.promptTokens.length)
  })

  it('writes its plan as text under another strategy', async () => {
    const run = await ask({ strategy: 'majority', paths: 2 })
    expect(run.state.paths).toHaveLength(2)
    expect(run.state.paths.every(({ entry, reads }) => entry === null && reads.length === 0)).toBe(
      true,
    )
  })

  it('is refused for a model without these marks', async () => {
    const plain = tinyFile({ shape: 'llama', seed: 5, pairs: 0, thoughts: 0 })
    const run = await start(engine, plain.file, 'the answer', settings).end()
    expect(run.failure).toMatchObject({ code: 'bad-combination' })
  })
})
