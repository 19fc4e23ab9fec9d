import { create } from 'zustand'

/** What the window shows that is no part of a run: the active path, open dialogs. Gone after a reload. */
interface Ui {
  /** Active path of each run. */
  active: Readonly<Record<string, number>>
  /** Summary version chosen in each run; absent: the one that its answer is from. */
  version: Readonly<Record<string, number>>
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
  version: {},
  dialog: null,
  dialogRuns: [],
  find: false,
  progress: null,
  engine: null,
  link: null,
}))

export const activate = (run: string, path: number): void =>
  useUi.setState(({ active }) => ({ active: { ...active, [run]: path } }))
export const showVersion = (run: string, version: number): void =>
  useUi.setState(({ version: old }) => ({ version: { ...old, [run]: version } }))
export const openDialog = (dialog: NonNullable<Ui['dialog']>, ...dialogRuns: string[]): void =>
  useUi.setState({ dialog, dialogRuns })
export const closeDialog = (): void => useUi.setState({ dialog: null })
