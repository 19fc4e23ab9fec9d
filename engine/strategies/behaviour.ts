import { likelyKind } from '../protocol/question.ts'
import { countedPaths } from '../protocol/deciding.ts'
import { isOpen, type AgreementState, type Segment } from '../protocol/run-state.ts'
import { segmentId } from '../protocol/segments.ts'
import { ruleOf, type Shape } from '../protocol/shapes.ts'
import { probeSeed } from './seeds.ts'
import { isReadable, type Action, type Compare, type View } from './strategy.ts'

/**
 * The vote rule `behaviour`: the programs of a question that asks for code are compared by what they
 * return. A probe asks the model for calls first.
 */

/** Tokens of a probe: twelve calls, and the function that a small model writes before them. */
export const PROBE_BUDGET = 768

/** Returns whether a run compares programs, as far as that is known. */
function comparesPrograms({ groups, size }: Shape, { settings, state }: View): boolean {
  const { merges, judges } = ruleOf(settings.strategy)
  // A merged answer is the program, and its thoughts need not hold any. Judges choose by reading.
  if (merges || judges || settings.runPrograms !== true || groups * size < 2) return false
  return likelyKind(state) === 'code'
}

/**
 * Returns whether a comparison takes the place of summaries: a model that was not trained for them
 * writes none unless the programs cannot be compared.
 */
export function replacesSummaries(shape: Shape, view: View): boolean {
  const { agreement } = view.state
  const failed = agreement !== null && agreement.winner === null
  return !view.trained && !failed && comparesPrograms(shape, view)
}

/**
 * Returns the segments whose programs are compared: the summaries of several groups of a trained
 * model; else all paths, with the summary of a trained model.
 */
export function candidates(groups: number, { state, trained }: View): Segment[] {
  const summaries = trained ? state.summaries.filter(({ group }) => group !== null) : []
  const paths = groups > 1 && summaries.length > 0 ? [] : countedPaths(state)
  return [...paths, ...summaries].filter((one) => isReadable(one) && !isOpen(one))
}

/** Returns the next action towards a comparison, once every path and summary has ended. */
export function nextComparison(shape: Shape, view: View): Action[] {
  const { state, comparing, later, settings } = view
  if (comparing) return []
  // What was compared is kept up to date, whatever kind the question is now.
  const wanted = later
    ? state.agreement !== null && settings.runPrograms !== false
    : comparesPrograms(shape, view)
  if (!wanted) return []
  const of = candidates(shape.groups, view)
  if (of.length === 0 || (state.agreement !== null && isCurrent(state.agreement, of))) return []
  // A summary that the user asked for instead is the answer.
  if (!view.trained && state.agreement === null && state.summaries.length > 0) return []
  const probe = probeIn(view)
  if (probe === undefined && !later)
    return [
      {
        type: 'open',
        role: 'probe',
        segment: segmentId('probe', 1),
        reads: of.map(({ segment }) => segment),
        seed: probeSeed(settings.seed),
        budget: PROBE_BUDGET,
      },
    ]
  return [compare(of, view)]
}

const isCurrent = ({ of, at }: AgreementState, now: readonly Segment[]): boolean =>
  of.length === now.length &&
  now.every(({ segment, endedAt }, i) => segment === of[i] && (endedAt ?? 0) <= at)

const probeIn = ({ state }: View): Segment | undefined =>
  state.others.find(({ role }) => role === 'probe')

/** Returns the action that compares these programs. The calls that the user gave before stay. */
export function compare(of: readonly Segment[], view: View, calls?: Compare['calls']): Compare {
  const probe = probeIn(view)
  const before = view.state.agreement?.calls.filter(({ from }) => from === 'user') ?? []
  return {
    type: 'compare',
    of: of.map(({ segment }) => segment),
    ...(probe !== undefined && { probe: probe.segment }),
    calls: calls ?? before.map(({ text, expected }) => ({ call: text, expected })),
  }
}
