import { create } from 'zustand'
import type {
  Experiment,
  LabCell,
  LabEstimate,
  LabRun,
  LabSet,
  LabSpec,
  Params,
  Result,
} from '../../engine/protocol/wire.ts'
import { failureWords } from '../i18n/wording.ts'
import { host } from './host.ts'
import { go, useRoute } from './route.ts'
import { saveFile } from './shell.ts'
import { toast } from './toasts.ts'

export const LAB_TABS = ['experiments', 'new'] as const
export type LabTab = (typeof LAB_TABS)[number]

/** A row of an experiment's table, by what its runs are found with. */
export type CellKey = Pick<LabCell, 'unit' | 'vote'>

interface Lab {
  list: Experiment[] | null
  sets: Result<'lab.sets'>
  tab: LabTab
  /** The cell whose runs are shown, and its runs once they are here. */
  cell: (CellKey & { experiment: string }) | null
  runs: LabRun[] | null
}

export const useLab = create<Lab>(() => ({
  list: null,
  sets: [],
  tab: 'experiments',
  cell: null,
  runs: null,
}))

export async function refreshLab(): Promise<void> {
  const [list, sets] = await Promise.all([host.call('lab.list', {}), host.call('lab.sets', {})])
  useLab.setState({ list, sets })
}

export function receiveExperiment(experiment: Experiment): void {
  const { list, cell } = useLab.getState()
  const others = (list ?? []).filter(({ id }) => id !== experiment.id)
  const before = list?.find(({ id }) => id === experiment.id)
  const next = [experiment, ...others].sort((a, b) => (a.time < b.time ? 1 : -1))
  useLab.setState({ list: next })
  const { route } = useRoute.getState()
  const seen = route.view === 'lab' && route.experiment === experiment.id
  if (before?.state === 'running' && experiment.state === 'done' && !seen)
    toast({ message: ['lab.finished', { name: experiment.title }] })
  if (cell?.experiment === experiment.id && before?.done !== experiment.done) void loadRuns()
}

export const showLabTab = (tab: LabTab): void => useLab.setState({ tab })

export async function startExperiment(title: string, spec: LabSpec): Promise<void> {
  const experiment = await host.call('lab.start', { title, spec })
  receiveExperiment(experiment)
  useLab.setState({ tab: 'experiments', cell: null, runs: null })
  go({ view: 'lab', experiment: experiment.id })
}

export const commandExperiment = (
  experiment: string,
  command: Params<'lab.command'>['command'],
): Promise<unknown> => host.call('lab.command', { experiment, command })

/** Shows the runs behind a cell; the same one again hides them. */
export async function showCell(experiment: string, { unit, vote }: CellKey): Promise<void> {
  const { cell } = useLab.getState()
  const same = cell?.experiment === experiment && cell.unit === unit && cell.vote === vote
  useLab.setState({ cell: same ? null : { experiment, unit, vote }, runs: null })
  if (!same) await loadRuns()
}

async function loadRuns(): Promise<void> {
  const { cell } = useLab.getState()
  if (cell === null) return
  const runs = await host.call('lab.runs', cell)
  if (useLab.getState().cell === cell) useLab.setState({ runs })
}

export async function exportExperiment(
  experiment: string,
  format: Params<'lab.export'>['format'],
): Promise<void> {
  const { fileName: name, ...file } = await host.call('lab.export', { experiment, format })
  if (await saveFile({ name, ...file })) toast({ message: ['exported', { name }] })
}

/** Reads a problem set, or says why it cannot be used. */
export async function inspectSet(
  set: Params<'lab.inspect'>['set'],
  fields: LabSpec['fields'],
): Promise<LabSet | { error: string }> {
  try {
    const found = await host.call('lab.inspect', { set, fields })
    if (!('file' in set)) useLab.setState({ sets: await host.call('lab.sets', {}) })
    return found
  } catch (failure) {
    return { error: failureWords(failure) }
  }
}

export async function estimate(
  spec: LabSpec,
  measure = false,
): Promise<LabEstimate | { error: string }> {
  try {
    return await host.call('lab.estimate', { spec, measure })
  } catch (failure) {
    return { error: failureWords(failure) }
  }
}
