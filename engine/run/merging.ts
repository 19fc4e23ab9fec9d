import type { LoadedModel } from '../models/index.ts'
import { attemptsOf, piecesOf, runPrompt, type Attempt, type Turn } from '../prompt/index.ts'
import { answerWords } from '../protocol/instruction.ts'
import { questionOf } from '../protocol/question.ts'
import { DEFAULT_TAIL } from '../protocol/request.ts'
import { segmentOf, type RunState } from '../protocol/run-state.ts'
import type { SegmentId, Source } from '../protocol/segments.ts'

/** Answers that are decoded from the mean of several paths' log-probabilities. */

/** What stands between a thought and its answer in the templates of models that think. */
const GAP = '\n\n'

export interface Merging {
  model: LoadedModel
  state: RunState
  conversation: readonly Turn[]
  signal: AbortSignal
}

/**
 * Returns the source of a merged answer. A model with control tokens is forced to begin its summary.
 * If the model thinks first, each path is kept up to the end of its thought, which is closed if it is
 * open. To the path of any other model, words that introduce the answer are added. Errors: `cancelled`.
 */
export async function mergeSource(
  reads: readonly SegmentId[],
  { model, state, conversation, signal }: Merging,
): Promise<Source> {
  const paths = reads.map((segment) => segmentOf(state, segment)!)
  const whole = paths.map(({ tokens }) => ({ to: tokens.length, tokens: [] as number[] }))
  const of = [...reads]
  if (model.tokens.pairs.length > 0) return { type: 'merge', of, ends: whole }
  const { problem } = state
  const settings = state.settings!
  const prompt = await runPrompt(model, { problem, conversation, settings }, signal)
  const before = piecesOf(model, prompt.after)
  const attempts = attemptsOf(paths, model.thought, before, settings.tail ?? DEFAULT_TAIL)
  // Memories that can be shared only as a whole keep what a path wrote behind its thought.
  const partial = model.native.info.cannotJoin === undefined
  const words = model.plain(answerWords(questionOf(state) ?? 'text', problem), true)
  const endOf = ({ from, to, unfinished }: Attempt) => {
    if (unfinished) return { to, tokens: [...closing(model), ...model.plain(GAP, true)] }
    return from > 0 && partial
      ? { to: from, tokens: model.plain(GAP, true) }
      : { to, tokens: [...words] }
  }
  return { type: 'merge', of, ends: attempts.map(endOf) }
}

/** Returns the ids that close a thought. */
function closing({ thought, plain }: LoadedModel): number[] {
  const mark = thought.closes[0]
  if (mark === undefined) return []
  return mark.id === undefined ? plain(mark.text, true) : [mark.id]
}

/**
 * Returns the tokens at which a path of a run that merges ends, besides those of any run: the end of
 * its thought.
 */
export const thoughtStops = ({
  thought,
  tokens,
}: Pick<LoadedModel, 'thought' | 'tokens'>): number[] =>
  tokens.pairs.length > 0 ? [] : thought.closes.flatMap(({ id }) => (id === undefined ? [] : [id]))
