import { commandRefusal } from '../../engine/protocol/capabilities.ts'
import { decidingSummary } from '../../engine/protocol/deciding.ts'
import { pathsKept, segmentOf, type RunState, type Segment } from '../../engine/protocol/fold.ts'
import { roleOf, type SegmentId } from '../../engine/protocol/segments.ts'
import type { MessageKey } from '../i18n/index.ts'
import { host } from '../store/host.ts'
import { routeRun, useRoute } from '../store/route.ts'
import { useRuns } from '../store/runs.ts'
import { placeNow, useUi } from '../store/ui.ts'
import type { Target } from './types.ts'

/** Returns the run, path and summary on the screen, unless the caller names others. */
export function currentTarget(given: Partial<Target> = {}): Target {
  const { route } = useRoute.getState()
  const run = given.run ?? routeRun(route)
  if (run === null) return { run: null, path: null, summary: null }
  const state = useRuns.getState().open[run]?.shown
  const active = useUi.getState().active[run]
  const routed = (role: 'path' | 'summary') =>
    route.view === 'inspect' && roleOf(route.segment) === role ? route.segment : undefined
  return {
    run,
    path:
      given.path ??
      routed('path') ??
      active?.path ??
      (state && (pathsKept(state)[0] ?? state.paths[0]))?.segment ??
      null,
    summary:
      given.summary ??
      routed('summary') ??
      active?.summary ??
      (state && decidingSummary(state)?.segment) ??
      null,
  }
}

export const stateOf = ({ run }: Target): RunState | undefined =>
  run === null ? undefined : useRuns.getState().open[run]?.shown
function segmentFor(target: Target, segment: SegmentId | null): Segment | undefined {
  const state = stateOf(target)
  return state && segment !== null ? segmentOf(state, segment) : undefined
}
export const pathFor = (target: Target): Segment | undefined => segmentFor(target, target.path)
export const summaryFor = (target: Target): Segment | undefined =>
  segmentFor(target, target.summary)

/** Returns whether the run is queued: it has no event yet, or waits for room in its context. */
export function waits({ run }: Target): boolean {
  const open = run === null ? undefined : useRuns.getState().open[run]
  return (
    open !== undefined &&
    (open.live.status === 'empty' || placeNow(open.id) !== null) &&
    !open.loading &&
    open.error === null &&
    host.state === 'open'
  )
}

/** Returns why no command applies to this run, or null. */
export function whyNoRun(target: Target): MessageKey | null {
  const run = target.run === null ? undefined : useRuns.getState().open[target.run]
  if (run === undefined || run.shown.status === 'empty') return 'why.noRun'
  return null
}

/** Returns why the engine cannot continue this run, or null. */
export function whyNotSteer(target: Target): MessageKey | null {
  const none = whyNoRun(target)
  if (none !== null) return none
  const run = useRuns.getState().open[target.run!]!
  if (run.sample) return 'why.sample'
  if (run.replayed !== null) return 'why.replay'
  return host.state === 'open' ? null : 'why.disconnected'
}

/** Returns why the paths of a run cannot be continued or branched; null if they can. */
export function whyNotContinue(target: Target): MessageKey | null {
  const can = stateOf(target)?.model?.capabilities
  return can !== undefined && commandRefusal(can, 'extend') !== null ? 'why.chatOnly' : null
}
