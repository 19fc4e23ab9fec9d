import {
  pathOf,
  summaryOf,
  type PathState,
  type RunState,
  type SummaryState,
} from '../../engine/protocol/fold.ts'
import type { MessageKey } from '../i18n/index.ts'
import { host } from '../store/host.ts'
import { routeRun, useRoute } from '../store/route.ts'
import { decidingVersion, useRuns } from '../store/runs.ts'
import { useUi } from '../store/ui.ts'
import type { Target } from './types.ts'

/** The run, path and summary on the screen, unless the caller names others. */
export function currentTarget(given: Partial<Target> = {}): Target {
  const { route } = useRoute.getState()
  const run = given.run ?? routeRun(route)
  if (run === null) return { run: null, path: null, version: null }
  const state = useRuns.getState().open[run]?.shown
  const { active, version } = useUi.getState()
  const routed = route.view === 'inspect' && route.path > 0 ? route.path : undefined
  return {
    run,
    path: given.path ?? routed ?? active[run] ?? state?.paths[0]?.path ?? null,
    version:
      given.version ??
      (route.view === 'inspect' && route.path === 0 ? route.version : undefined) ??
      version[run] ??
      (state === undefined ? null : decidingVersion(state)),
  }
}

export const stateOf = ({ run }: Target): RunState | undefined =>
  run === null ? undefined : useRuns.getState().open[run]?.shown
export const pathFor = (target: Target): PathState | undefined => {
  const state = stateOf(target)
  return state && target.path !== null ? pathOf(state, target.path) : undefined
}
export const summaryFor = (target: Target): SummaryState | undefined => {
  const state = stateOf(target)
  return state && target.version !== null ? summaryOf(state, target.version) : undefined
}

export const isLive = (status: string): boolean => status === 'thinking' || status === 'waiting'
/** Being written right now. */
export const summarising = (state: RunState): boolean =>
  state.summaries.some((summary) => isLive(summary.status))

/** It has no event yet: its turn is to come. */
export function waits({ run }: Target): boolean {
  const open = run === null ? undefined : useRuns.getState().open[run]
  return (
    open !== undefined &&
    open.live.status === 'empty' &&
    !open.loading &&
    open.error === null &&
    host.state === 'open'
  )
}

/** Why nothing at all can be asked of this run. */
export function whyNoRun(target: Target): MessageKey | null {
  const run = target.run === null ? undefined : useRuns.getState().open[target.run]
  if (run === undefined || run.shown.status === 'empty') return 'why.noRun'
  return null
}

/** Why the engine cannot be asked to go on with this run. */
export function whyNotSteer(target: Target): MessageKey | null {
  const none = whyNoRun(target)
  if (none !== null) return none
  const run = useRuns.getState().open[target.run!]!
  if (run.sample) return 'why.sample'
  if (run.replayed !== null) return 'why.replay'
  return host.state === 'open' ? null : 'why.disconnected'
}
