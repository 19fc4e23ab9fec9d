import { create } from 'zustand'
import type { Result, RunSummary } from '../../engine/protocol/wire.ts'
import { host } from './host.ts'

/** The answers of earlier turns, read when they come into view. Keyed by what changes with an answer. */
export const useAnswers = create<Readonly<Record<string, Result<'run.answer'> | 'asked'>>>(
  () => ({}),
)

export const answerKey = ({ run, tokens, answer }: RunSummary): string =>
  `${run}/${tokens}/${answer ?? ''}`

/** Reads the answer of a run once. A failure is asked again the next time it comes into view. */
export async function loadAnswer(item: RunSummary): Promise<void> {
  const key = answerKey(item)
  if (useAnswers.getState()[key] !== undefined) return
  useAnswers.setState({ [key]: 'asked' })
  const answer = await host.call('run.answer', { run: item.run }).catch(() => undefined)
  useAnswers.setState({ [key]: answer }, false)
}
