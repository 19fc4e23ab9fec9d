import { expect } from 'vitest'
import type { Engine } from '../../engine/run/index.ts'
import type { RunEvent, SegmentId } from '../../engine/protocol/events.ts'
import { disagreement, rescore, tinyFile, type Settings, type Watched } from './support.ts'

/** With greedy sampling, this model never stops by itself. */
export const tiny = tinyFile({ seed: 34 })
export const id = (text: string) => tiny.model.vocabulary.id(text)
export const settings: Settings = {
  paths: 3,
  budget: 40,
  summaryBudget: 24,
  seed: 7,
  finish: 'last',
  sampling: { temperature: 0 },
}
/** Long enough for a command to arrive while it thinks. */
export const long: Settings = { ...settings, budget: 1500 }

export const summaryStarted = (event: RunEvent) =>
  event.type === 'segment-started' && event.role === 'summary'
/** Whether all paths have at least `n` tokens, or have ended. */
export const thinking = (n: number) => (_: unknown, run: Watched) =>
  run.state.paths.length > 0 &&
  run.state.paths.every(
    ({ status, tokens }) => status !== 'waiting' && (status !== 'thinking' || tokens.length >= n),
  )
/** A summary's logprobs are those of its tokens scored from nothing. */
export const close = async (engine: Engine, run: Watched, summary: SegmentId) =>
  expect(disagreement(run, summary, await rescore(engine, tiny.file, run, summary))).toBeLessThan(
    1e-4,
  )
export const code = (code: string) => expect.objectContaining({ code }) as unknown
