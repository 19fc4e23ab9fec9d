import { isDeepStrictEqual } from 'node:util'
import type {
  CommandResult,
  RunCommand,
  RunEvent,
  SegmentId,
} from '../../engine/protocol/events.ts'
import {
  allSegments,
  applyEvent,
  EMPTY_RUN,
  isOpen,
  segmentOf,
  type RunState,
  type Segment,
} from '../../engine/protocol/fold.ts'

/** What must hold of the runs that the fuzzer makes (fuzz.ts). A check that fails throws. */

export interface Accepted {
  command: RunCommand
  result: CommandResult
  /** How many events the run had. */
  events: number
}

export const describe = (state: RunState): string =>
  `${state.status} ${allSegments(state)
    .map(({ segment, status, tokens }) => `${segment} ${status} ${tokens.length}`)
    .join(', ')}`

export const idsOf = ({ tokens }: Segment): number[] => tokens.slice().map(({ id }) => id!)

export function same(segment: Segment, scored: readonly { logprob: number | null }[]): void {
  for (const [i, { logprob }] of segment.tokens.slice().entries()) {
    const wanted = scored[i]!.logprob
    const near =
      logprob === null || wanted === null ? logprob === wanted : Math.abs(logprob - wanted) < 1e-3
    if (!near)
      throw new Error(`${segment.segment}, token ${i}: logprob ${logprob}, scored again ${wanted}`)
  }
}

const plainSegment = (one: Segment) => ({
  ...one,
  tokens: one.tokens.slice(),
  logprobSum: Math.round(one.logprobSum * 1e6),
})
/** No event says how long a run lay dead before it was taken up: `since`, `ranMs`. */
export const plain = (state: RunState) => ({
  ...state,
  since: 0,
  ranMs: 0,
  paths: state.paths.map(plainSegment),
  summaries: state.summaries.map(plainSegment),
  others: state.others.map(plainSegment),
})

export function differing(a: RunState, b: RunState): string {
  const [left, right] = [plain(a), plain(b)] as Record<string, unknown>[]
  return Object.keys(left!)
    .filter((key) => !isDeepStrictEqual(left![key], right![key]))
    .join(', ')
}

/** Checks the invariants of every transcript. */
export function check(events: readonly RunEvent[]): void {
  let state = EMPTY_RUN
  const wrong = (event: RunEvent, why: string): never => {
    throw new Error(
      `${why}: event ${state.events} ${JSON.stringify(event).slice(0, 200)}; ${describe(state)}`,
    )
  }
  for (const event of events) {
    if (event.at < state.at) wrong(event, 'time runs backwards')
    const one = 'segment' in event ? segmentOf(state, event.segment as SegmentId) : undefined
    switch (event.type) {
      case 'segment-started':
        if (one !== undefined) wrong(event, 'it was there before')
        if (event.role === 'summary') readable(state, event, wrong)
        break
      case 'tokens':
        if (one === undefined || !isOpen(one)) wrong(event, 'tokens of what is not open')
        else if (one.tokens.length + event.tokens.length > one.budget)
          wrong(event, 'more than its budget')
        break
      case 'segment-ended':
        if (one?.status === 'dropped') {
          if (event.reason !== (one.droppedAfter ?? 'stopped')) wrong(event, 'restored as another')
        } else if (one === undefined || (!isOpen(one) && !isCutOff(one)))
          wrong(event, 'an end of what is not open')
        break
      case 'segment-extended':
        if (one === undefined) wrong(event, 'nothing to extend')
        else if (one.status === 'dropped') {
          if (one.droppedAfter !== null || event.budget !== one.budget)
            wrong(event, 'an extension of what was dropped')
        } else if (one.budget >= event.budget && isOpen(one))
          wrong(event, 'an extension that gives nothing')
        break
      case 'segment-dropped':
        if (one === undefined || one.status === 'dropped') wrong(event, 'nothing to drop')
        break
      case 'run-resumed':
        if (state.events === 0 || state.status === 'empty') wrong(event, 'nothing to resume')
        break
      case 'run-ended':
      case 'run-failed':
        if (allSegments(state).some(isOpen)) wrong(event, 'it ends with something open')
    }
    state = applyEvent(state, event)
  }
}

/** Returns whether a segment has no end because the engine died; a command that resumes the run ends it. */
const isCutOff = ({ status, reason }: Segment): boolean =>
  status === 'interrupted' && reason === null

function readable(
  state: RunState,
  event: RunEvent,
  wrong: (event: RunEvent, why: string) => never,
): void {
  const { reads } = segmentOf(applyEvent(state, event), (event as { segment: SegmentId }).segment)!
  if (reads.length === 0) wrong(event, 'it reads nothing')
  for (const segment of reads) {
    const read = segmentOf(state, segment)
    if (read === undefined || isOpen(read) || read.status === 'dropped' || read.tokens.length === 0)
      wrong(event, `it reads ${segment}`)
  }
}

/**
 * Checks that the events after an accepted command show its effect. `dismissed`: a later command
 * ended what the run was doing.
 */
export function reflected(
  { command, result }: Accepted,
  dismissed: boolean,
  live: RunState,
  after: readonly RunEvent[],
): void {
  const missing = (): never => {
    throw new Error(
      `${JSON.stringify(command)} was taken and not done: ${describe(live)}; ${after.map(({ type }) => type).join(' ')}`,
    )
  }
  const about = (type: RunEvent['type'], segment: SegmentId) =>
    after.some((event) => event.type === type && 'segment' in event && event.segment === segment)
  switch (command.type) {
    case 'stop':
      if (!about('segment-ended', command.segment) && !about('segment-dropped', command.segment))
        missing()
      return
    case 'drop':
      if (!about('segment-dropped', command.segment)) missing()
      // Unless it was taken back.
      if (
        segmentOf(live, command.segment)!.status !== 'dropped' &&
        !about('segment-ended', command.segment) &&
        !about('segment-extended', command.segment)
      )
        missing()
      return
    case 'restore':
      if (!about('segment-ended', command.segment) && !about('segment-extended', command.segment))
        missing()
      return
    case 'extend':
      if (!about('segment-extended', command.segment)) missing()
      return
    case 'branch': {
      const { segment, at, token } = command
      const branch = segmentOf(live, result.segment!)
      const wanted = { parent: { segment, at }, forced: token === undefined ? [] : [token] }
      if (
        branch === undefined ||
        !isDeepStrictEqual({ parent: branch.parent, forced: branch.forced }, wanted)
      )
        missing()
      const first = branch!.tokens.at(at)
      if (token !== undefined && first !== undefined && first.id !== token) missing()
      return
    }
    case 'summarise': {
      // The paths that it was to read may have been dropped, or the run may have ended before it was written.
      const given = after.some(
        (event) =>
          event.type === 'run-failed' ||
          (event.type === 'run-ended' && event.reason !== 'finished') ||
          (event.type === 'notice' && event.code === 'nothing-to-summarise'),
      )
      if (segmentOf(live, result.segment!) === undefined && !given && !dismissed) missing()
      return
    }
    case 'override-vote':
      if (
        !after.some(
          (event) =>
            (event.type === 'vote' || event.type === 'agreement') &&
            event.chosen === command.member,
        )
      )
        missing()
      return
    case 'compare':
      // A run that fails compares nothing.
      if (!after.some(({ type }) => type === 'agreement' || type === 'run-failed') && !dismissed)
        missing()
      return
    case 'question':
      if (!after.some((event) => event.type === 'question' && event.kind === command.kind))
        missing()
      return
    case 'stop-all':
    case 'cancel': {
      // A command before the end lets the run continue.
      const told = after.some(
        (event) =>
          event.type === 'run-failed' ||
          (event.type === 'run-ended' && event.reason !== 'finished') ||
          event.type === 'segment-extended' ||
          event.type === 'segment-started',
      )
      // Where everything had ended, there was nothing left to stop.
      const wrote = after.some(({ type }) => type === 'tokens' || type === 'segment-ended')
      if (!told && wrote) missing()
    }
  }
}
