import { create } from 'zustand'
import { roleOf, type Role, type SegmentId } from '../../engine/protocol/segments.ts'
import { useRuns, type OpenRun } from './runs.ts'

/** What has the large place of the run view. */
export type Stage = 'paths' | 'answer'

/** State of the window that does not belong to a run: the active path, open dialogs. Lost on reload. */
interface Ui {
  /**
   * The chosen segment of each role, by run. By default the first path is active, and the summary that gives the run's
   * answer is shown.
   */
  active: Readonly<Record<string, Readonly<Partial<Record<Role, SegmentId>>>>>
  /** What the user put into the large place, by run. */
  stages: Readonly<Record<string, Stage>>
  /** Paths whose folded children are shown, by run (folds.ts). */
  unfolded: Readonly<Record<string, readonly SegmentId[]>>
  /** Follow-ups that are being written, by the run that they follow. */
  asks: Readonly<Record<string, string>>
  /** What the next turn changes, by the run that it follows; `preset`: an id. */
  nextTurns: Readonly<Record<string, { system?: string; preset?: string }>>
  /** The list of conversations lies over a narrow window. */
  sidebarOver: boolean
  /** The composer shows all settings. */
  settingsOpen: boolean
  dialog: 'palette' | 'subset' | 'strategy' | 'tags' | 'rename' | 'delete' | null
  /** The run that the dialog is about. */
  dialogRuns: readonly string[]
  find: boolean
  /** Progress of loading a model, 0..1, for the run `task` (`load` if for no run). */
  progress: { task: string; fraction: number } | null
  /** Places in the queue, from 1, of runs that wait for room in their context. */
  waiting: Readonly<Record<string, number>>
  engine: { state: 'up' | 'restarting' | 'stopped'; message: string } | null
  /** The link that waits for confirmation. */
  link: string | null
}

export const useUi = create<Ui>(() => ({
  active: {},
  stages: {},
  unfolded: {},
  asks: {},
  nextTurns: {},
  sidebarOver: false,
  settingsOpen: false,
  dialog: null,
  dialogRuns: [],
  find: false,
  progress: null,
  waiting: {},
  engine: null,
  link: null,
}))

/** Makes a path active, or shows a summary. */
export const activate = (run: string, segment: SegmentId): void =>
  useUi.setState(({ active }) => ({
    active: { ...active, [run]: { ...active[run], [roleOf(segment)]: segment } },
  }))
/** Shows the children of these paths, and folds those of all others. A path that would be folded away is not active any more. */
export const unfold = (
  run: string,
  parents: readonly SegmentId[],
  folded: readonly SegmentId[],
): void =>
  useUi.setState(({ unfolded, active }) => {
    const { path, ...rest } = active[run] ?? {}
    const keeps = path === undefined || !folded.includes(path)
    return {
      unfolded: { ...unfolded, [run]: parents },
      ...(!keeps && { active: { ...active, [run]: rest } }),
    }
  })
/** Shows what gives the run's answer, even if that changes later. */
export const followSummary = (run: string): void =>
  useUi.setState(({ active }) => {
    const { summary: _, ...rest } = active[run] ?? {}
    return { active: { ...active, [run]: rest } }
  })
export const openDialog = (dialog: NonNullable<Ui['dialog']>, ...dialogRuns: string[]): void =>
  useUi.setState({ dialog, dialogRuns })
export const closeDialog = (): void => useUi.setState({ dialog: null })

/** Returns the place of a run in the queue, from 1; null if it does not wait, or if a replay of it is shown. */
export const placeNow = (run: string): number | null =>
  isReplayed(useRuns.getState().open[run]) ? null : (useUi.getState().waiting[run] ?? null)
export const usePlace = (run: string): number | null => {
  const replayed = useRuns((s) => isReplayed(s.open[run]))
  return useUi((s) => (replayed ? null : (s.waiting[run] ?? null)))
}
const isReplayed = (run: OpenRun | undefined): boolean => run !== undefined && run.replayed !== null
