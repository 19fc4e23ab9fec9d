import { create } from 'zustand'
import { roleOf, type Role, type SegmentId } from '../../engine/protocol/segments.ts'

/** What the window shows that is no part of a run: the active path, open dialogs. Gone after a reload. */
interface Ui {
  /**
   * Chosen segment of each role, by run. Without a path, the first one is active; without a summary, the one that the
   * run's answer is from is shown.
   */
  active: Readonly<Record<string, Readonly<Partial<Record<Role, SegmentId>>>>>
  dialog: 'palette' | 'subset' | 'strategy' | 'tags' | 'rename' | 'delete' | null
  /** What the dialog is about. */
  dialogRuns: readonly string[]
  find: boolean
  /** Loading of a model, 0..1, for the run `task` (or for none: `load`). */
  progress: { task: string; fraction: number } | null
  engine: { state: 'up' | 'restarting' | 'stopped'; message: string } | null
  /** The link that waits for a yes. */
  link: string | null
}

export const useUi = create<Ui>(() => ({
  active: {},
  dialog: null,
  dialogRuns: [],
  find: false,
  progress: null,
  engine: null,
  link: null,
}))

/** Makes a path the active one, or a summary the one that is shown. */
export const activate = (run: string, segment: SegmentId): void =>
  useUi.setState(({ active }) => ({
    active: { ...active, [run]: { ...active[run], [roleOf(segment)]: segment } },
  }))
/** Shows the summary that the run's answer is from, also when that becomes another. */
export const followSummary = (run: string): void =>
  useUi.setState(({ active }) => {
    const { summary: _, ...rest } = active[run] ?? {}
    return { active: { ...active, [run]: rest } }
  })
export const openDialog = (dialog: NonNullable<Ui['dialog']>, ...dialogRuns: string[]): void =>
  useUi.setState({ dialog, dialogRuns })
export const closeDialog = (): void => useUi.setState({ dialog: null })
