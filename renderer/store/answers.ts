import { create } from 'zustand'
import type { Result, RunSummary } from '../../engine/protocol/wire.ts'
import { host } from './host.ts'

type Answer = Result<'run.answer'>

/** The answers of earlier turns, read when they are needed. Keyed by what changes with an answer. */
export const useAnswers = create<Readonly<Record<string, Answer>>>(() => ({}))
const asked = new Map<string, Promise<Answer | undefined>>()

export const answerKey = ({ run, tokens, answer }: RunSummary): string =>
  `${run}/${tokens}/${answer ?? ''}`

/** Reads the answer of a run, once. A failure gives undefined, and is asked again the next time. */
export function loadAnswer(item: RunSummary): Promise<Answer | undefined> {
  const key = answerKey(item)
  const before = asked.get(key)
  if (before !== undefined) return before
  const answer = host.call('run.answer', { run: item.run }).then(
    (known) => {
      useAnswers.setState({ [key]: known })
      return known
    },
    () => {
      asked.delete(key)
      return undefined
    },
  )
  asked.set(key, answer)
  return answer
}
