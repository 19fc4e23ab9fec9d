import { expect, it } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { MAX_OWN_NOTICES } from '../../engine/protocol/limits.ts'
import { str } from '../support/gguf-writer.ts'
import { newEngine, solve, tinyFile, Watched } from './support.ts'

it('a run writes notices until its transcript has as many as it may, and goes on without them', async () => {
  // With greedy sampling, this model never stops by itself; it says so at each end.
  const model = tinyFile({ seed: 34, keys: { 'parathinker.scope': str('nothing at all') } })
  const run = await solve(newEngine(), model.file, 'the answer', {
    paths: 2,
    budget: 20,
    summaryBudget: 8,
    question: 'text',
    sampling: { temperature: 0 },
  })
  await run.close()
  expect(run.state.notices.map(({ code }) => code)).toContain('scope')
  const said = run.state.notices.length
  const notice: RunEvent = { type: 'notice', at: run.state.at, code: 'x' }
  const events = [
    ...run.events,
    ...Array.from({ length: MAX_OWN_NOTICES - 1 - said }, () => notice),
  ]
  const again = new Watched(newEngine().resume(events), events)
  for (const most of [MAX_OWN_NOTICES, MAX_OWN_NOTICES]) {
    const { segment } = again.state.paths.find(({ reason }) => reason === 'budget')!
    await again.after({ type: 'extend', segment, tokens: 4 })
    expect(again.state.notices).toHaveLength(most)
  }
  expect(again.state.status).toBe('ended')
  await again.close()
})
