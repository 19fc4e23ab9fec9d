import { describe, expect, it } from 'vitest'
import { JUDGE_TOKENS } from '../../../engine/protocol/judges.ts'
import { resolveSettings } from '../../../engine/protocol/settings.ts'
import type { RunRequest } from '../../../engine/protocol/request.ts'
import type { RunSummary } from '../../../engine/protocol/wire.ts'
import { costOf } from '../../../renderer/store/cost.ts'

const settings = (asked: RunRequest['settings']) =>
  resolveSettings(
    { paths: 4, budget: 100, summaryBudget: 50, ...asked },
    { metadata: {}, nativePaths: 0 },
  )
const model = { name: 'M', nativePaths: 0 }
const cost = (asked: RunRequest['settings'], runs: RunSummary[] = []) =>
  costOf(settings(asked), model, runs)
const ran = (more: Partial<RunSummary>) =>
  ({ model: 'M', status: 'ended', tokens: 200, durationMs: 1000, ...more }) as RunSummary

describe('what a run costs', () => {
  it('is its paths and answers, by strategy', () => {
    expect(cost({ strategy: 'majority' })).toMatchObject({ paths: 4, answers: 0, tokens: 400 })
    expect(cost({ strategy: 'parallel' })).toMatchObject({ paths: 4, answers: 1, tokens: 450 })
    expect(cost({ strategy: 'merge' })).toMatchObject({ paths: 4, answers: 4, tokens: 600 })
    expect(cost({ strategy: 'refine', rounds: 3 })).toMatchObject({ paths: 12, answers: 1 })
    expect(cost({ strategy: 'parallel-majority', runs: 2 })).toMatchObject({ paths: 8, answers: 2 })
    expect(cost({ strategy: 'parallel', answerBy: 'vote' })).toMatchObject({ answers: 0 })
    expect(cost({ strategy: 'fork-join' })).toBeNull()
    expect(cost({ strategy: 'tournament', paths: 5 })).toMatchObject({
      paths: 5,
      judgements: 8,
      tokens: 500 + 8 * JUDGE_TOKENS,
    })
  })

  it('takes the time that the model’s last run took for as many tokens', () => {
    expect(cost({ strategy: 'majority' })!.ms).toBeNull()
    const others = [ran({ model: 'N' }), ran({ status: 'failed' }), ran({ tokens: 0 })]
    expect(cost({ strategy: 'majority' }, others)!.ms).toBeNull()
    expect(cost({ strategy: 'majority' }, [...others, ran({})])!.ms).toBe(2000)
  })
})
