import { create } from 'zustand'
import { doingOf, NOTHING, type Doing } from '../../engine/protocol/doing.ts'
import { EMPTY_RUN, type RunState } from '../../engine/protocol/fold.ts'
import type { RunProgress } from '../../engine/protocol/wire.ts'
import { useHistory } from './history.ts'
import { useRuns } from './runs.ts'
import { placeNow, useUi } from './ui.ts'

/** What the host says of all runs at work, a few times per second, whether or not they are open. */
interface Activity {
  runs: Readonly<Record<string, RunProgress>>
  /** The run that ended last while the user was not looking. */
  unseen: RunProgress | null
}

export const useActivity = create<Activity>(() => ({ runs: {}, unseen: null }))

/** `away`: the user is not looking at the window. */
export function receiveActivity(runs: readonly RunProgress[], away: boolean): void {
  const ended = runs.findLast(({ doing }) => doing === null)
  useActivity.setState(({ unseen }) => ({
    runs: Object.fromEntries(
      runs.filter(({ doing }) => doing !== null).map((one) => [one.run, one]),
    ),
    unseen: away && ended !== undefined ? ended : unseen,
  }))
}

/** Returns the name of a run's model, or of its file until that is read; '' if it is not known yet. */
export const modelOf = (run: string): string =>
  useActivity.getState().runs[run]?.model ??
  useHistory.getState().list?.find((item) => item.run === run)?.model ??
  ''

/** Returns what an open run is doing as it is shown: live, or at a moment of its replay. Null once it is over. */
export function doingNow(run: string, state: RunState): Doing | null {
  const replayed = (useRuns.getState().open[run]?.replayed ?? null) !== null
  const { progress } = useUi.getState()
  const beside = {
    ...NOTHING,
    waits: placeNow(run) !== null,
    loading: !replayed && progress?.task === run ? progress.fraction : null,
  }
  const doing = doingOf(state, beside, 0)
  const told = replayed ? undefined : useActivity.getState().runs[run]?.doing
  return doing?.phase === 'reading' && told?.phase === 'reading'
    ? { ...doing, fraction: told.fraction }
    : doing
}

/** Returns what `select` makes of `doingNow`, which must be a primitive. */
export function useDoing<T extends string | number | null>(
  run: string,
  select: (doing: Doing | null) => T,
): T {
  const now = () => select(doingNow(run, useRuns.getState().open[run]?.shown ?? EMPTY_RUN))
  useUi(now)
  useActivity(now)
  return useRuns(now)
}
