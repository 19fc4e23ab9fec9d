import { describe, expect, it } from 'vitest'
import { disagreement, newEngine, rescore, solve, tinyFile } from '../run/support.ts'

const engine = newEngine()
const tiny = tinyFile({ seed: 3 })
const settings = { budget: 40, summaryBudget: 12, seed: 7, finish: 'last' } as const

describe('paths that begin with given tokens', () => {
  it('have them in the cache as if they had thought them, and think on with their whole budget', async () => {
    const given = [70, 71, 72, 259, 73, 74, 75, 76, 77, 78]
    const run = await solve(
      engine,
      tiny.file,
      'the answer',
      { ...settings, paths: 3 },
      { given: new Map([['p2', given]]) },
    )
    const plain = await solve(engine, tiny.file, 'the answer', { ...settings, paths: 3 })
    const open = tiny.model.vocabulary.id('<think2>')
    expect(run.ids('p2').slice(0, 11)).toEqual([open, ...given])
    expect(run.state.paths[1]!.tokens.slice(0, 11).every(({ forced }) => forced === true)).toBe(
      true,
    )
    expect(run.state.paths[1]!.text.startsWith('<think2>FGH the')).toBe(true)
    if (run.state.paths[1]!.reason === 'budget')
      expect(run.ids('p2')).toHaveLength(settings.budget + given.length)
    // The other paths do not see it.
    for (const path of ['p1', 'p3']) expect(run.ids(path)).toEqual(plain.ids(path))
    expect(run.ids('p2').slice(11)).not.toEqual(plain.ids('p2').slice(11))
    // Every sampled token has the logprob of the two-phase rules; given tokens have none.
    const scored = await rescore(engine, tiny.file, run, 's1')
    for (const token of scored.paths[1]!.slice(0, 11)) token.logprob = null
    expect(disagreement(run, 's1', scored)).toBeLessThan(1e-4)
  })

  it('are continued greedily as the run that thought them', async () => {
    const greedy = { ...settings, strategy: 'sequential', sampling: { temperature: 0 } } as const
    const whole = await solve(engine, tiny.file, 'in the', greedy)
    const cut = await solve(
      engine,
      tiny.file,
      'in the',
      { ...greedy, budget: 28 },
      { given: new Map([['p1', whole.ids('p1').slice(1, 13)]]) },
    )
    expect(cut.ids('p1')).toEqual(whole.ids('p1'))
  })
})
