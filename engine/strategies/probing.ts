import { classesOf } from '../protocol/answers/vote.ts'
import { MAX_PROBES } from '../protocol/limits.ts'
import { latestProbe } from '../protocol/probes.ts'
import { nothingToCount, questionOf } from '../protocol/question.ts'
import { isOpen, pathsKept, type RunState, type Segment } from '../protocol/run-state.ts'
import { shapeOf } from '../protocol/shapes.ts'
import { judge, type Judgement, type Round } from '../protocol/stopping.ts'
import type { Action, View } from './strategy.ts'

/**
 * The stop rule `stable` (after Parallel-Probe, arXiv 2602.03845): each path is asked for its answer
 * at regular intervals of tokens; once the majority stays, all stop, and paths that keep disagreeing are
 * dropped.
 */

/** Returns the questions that are due, and what follows from the answers so far. */
export function nextProbes(view: View): Action[] {
  const { settings, state, later, probing } = view
  const { probeEvery: every } = settings
  if (every === undefined || later || nothingToCount(questionOf(state))) return []
  const room = Math.max(0, MAX_PROBES - state.probes.length - probing.length)
  const all = state.paths.flatMap((path): Action[] => {
    const { segment } = path
    const after = settings.stop === undefined ? next(path, every, state) : latest(path, every)
    const asked =
      (latestProbe(state, segment)?.after ?? 0) >= after ||
      probing.some((one) => one.segment === segment)
    return asked ? [] : [{ type: 'probe', segment, after }]
  })
  const due = all.slice(0, room)
  const running = state.paths.filter(isOpen)
  return running.length === 0 ? due : [...due, ...consequences(every, running, view)]
}

/** Returns the position at which a running path is to be asked; 0 if it is not. */
function latest(path: Segment, every: number): number {
  const after = Math.floor(path.tokens.length / every) * every
  // At its budget, a path states its answer itself.
  return isOpen(path) && after < path.budget ? after : 0
}

/** As `latest`, where the answers are only recorded: every one, also if the path has ended before. */
function next(path: Segment, every: number, state: RunState): number {
  const { segment, status, tokens } = path
  if (status === 'dropped' || status === 'failed') return 0
  const after = (latestProbe(state, segment)?.after ?? 0) + every
  return after < tokens.length ? after : 0
}

function consequences(
  every: number,
  running: readonly Segment[],
  { settings, trained, state }: View,
): Action[] {
  const { stop, patience } = settings
  if (stop !== 'stable' || patience === undefined) return []
  // A round is whole when every path that still runs was asked in it or later.
  const round = Math.min(
    ...running.map(({ segment }) => (latestProbe(state, segment)?.after ?? 0) / every),
  )
  if (round < patience) return []
  const judgement = judged(state, { every, round, patience })
  if (judgement.stop) {
    const said = state.notices.some(({ code }) => code === 'stopped-stable')
    const notice = noticeOf(judgement, round * every, state)
    return [
      ...running.map(({ segment }): Action => ({ type: 'cut', segment, reason: 'cut' })),
      ...(said ? [] : [notice]),
    ]
  }
  // A group is summarised from what its paths have, so none of them is dropped.
  if (shapeOf(settings, trained).summaries) return []
  const kept = pathsKept(state)
  return judgement.deviating.flatMap((index): Action[] => {
    const { segment, number, status } = kept[index]!
    if (!isOpen({ status })) return []
    return [
      { type: 'drop', segment },
      { type: 'notice', code: 'path-deviates', params: { path: number } },
    ]
  })
}

function noticeOf(
  { agree, asked }: Judgement,
  tokens: number,
  { paths, probes }: RunState,
): Action {
  const most = paths.reduce(
    (sum, path) => sum + (isOpen(path) ? path.budget : path.tokens.length),
    0,
  )
  const used =
    paths.reduce((sum, path) => sum + path.tokens.length, 0) +
    probes.reduce((sum, probe) => sum + probe.tokens, 0)
  const saved = Math.max(0, Math.floor(100 - (100 * used) / most))
  return { type: 'notice', code: 'stopped-stable', params: { tokens, agree, asked, saved } }
}

interface Moment {
  every: number
  /** The last whole round. */
  round: number
  patience: number
}

/** The last judgement per run, since a strategy is asked far more often than a round ends. */
const memo = new WeakMap<object, { key: string; judgement: Judgement }>()

function judged(state: RunState, moment: Moment): Judgement {
  const paths = pathsKept(state)
  const { every, round, patience } = moment
  const key = `${every} ${round} ${patience} ${paths.map((one) => `${one.segment}${isOpen(one) ? '' : '.'}`).join()}`
  const before = memo.get(state.promptTokens)
  if (before?.key === key) return before.judgement
  const judgement = judge(roundsOf(paths, moment, state), patience)
  memo.set(state.promptTokens, { key, judgement })
  return judgement
}

/** Returns what the paths said in the last rounds, as classes of equal answers. */
function roundsOf(
  paths: readonly Segment[],
  { every, round, patience }: Moment,
  { probes }: RunState,
): Round[] {
  const first = round - patience + 1
  const said = new Map(probes.map(({ segment, after, answer }) => [`${segment} ${after}`, answer]))
  const rounds = Array.from({ length: patience }, (_, r) =>
    paths.map((path) => {
      const after = (first + r) * every
      const ended = !isOpen(path) && path.tokens.length <= after
      return ended ? (path.answer?.text ?? null) : (said.get(`${path.segment} ${after}`) ?? null)
    }),
  )
  const classes = classesOf(rounds.flat())
  return rounds.map((row, r) => row.map((_, i) => classes[r * paths.length + i] ?? null))
}
