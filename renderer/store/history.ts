import { create } from 'zustand'
import { MAX_IMPORT, type RunSummary, type Search } from '../../engine/protocol/wire.ts'
import { failureWords } from '../i18n/wording.ts'
import { visible } from '../ui/visible.ts'
import { host } from './host.ts'
import { go } from './route.ts'
import { toast } from './toasts.ts'

interface History {
  list: RunSummary[] | null
  query: string
  /** Runs that match the query, best first, with the place of the match; null without a query. */
  found: Search['hits'] | null
  /** Runs that the search left out. */
  skipped: Search['skipped']
  starredOnly: boolean
  tag: string | null
  /** Only runs of this model, strategy or state. */
  only: Partial<Record<'model' | 'strategy' | 'state', string>>
  selected: ReadonlySet<string>
}

export const useHistory = create<History>(() => ({
  list: null,
  query: '',
  found: null,
  skipped: [],
  starredOnly: false,
  tag: null,
  only: {},
  selected: new Set(),
}))

export const summaryFor = (run: string): RunSummary | undefined =>
  useHistory.getState().list?.find((item) => item.run === run)

let asked = 0
/** Reloads the list and repeats the current search. */
export async function refreshHistory(): Promise<void> {
  const mine = ++asked
  const list = await host.call('runs.list', {})
  if (mine !== asked) return
  useHistory.setState({ list })
  const { query } = useHistory.getState()
  if (query.trim() !== '') await search(query)
}

let searched = 0
/** Searches the history; the host then stops the search before. An empty query ends the search. */
export async function search(query: string): Promise<void> {
  const mine = ++searched
  const before = useHistory.getState().query
  useHistory.setState({ query })
  if (query.trim() === '') {
    useHistory.setState({ found: null, skipped: [] })
    if (before.trim() !== '') await host.call('runs.search.cancel', {})
    return
  }
  try {
    const { hits, skipped } = await host.call('runs.search', { query: query.slice(0, 1024) })
    if (mine === searched) useHistory.setState({ found: hits, skipped })
  } catch (error) {
    if (mine === searched) throw error // else a later search stopped it
  }
}

export async function updateRun(
  run: string,
  change: { title?: string; starred?: boolean; tags?: string[] },
): Promise<void> {
  const updated = await host.call('runs.update', { run, ...change })
  useHistory.setState(({ list }) => ({
    list: list?.map((item) => (item.run === run ? updated : item)) ?? null,
  }))
}

/** Deletes runs one by one. Reports a run that cannot be deleted; the deletion of the others can be undone. */
export async function deleteRuns(runs: readonly string[]): Promise<void> {
  const gone = new Set<string>()
  for (const run of runs) {
    try {
      await host.call('runs.delete', { run })
      gone.add(run)
    } catch (error) {
      const name = summaryFor(run)?.title || run
      toast({
        kind: 'bad',
        message: ['history.failed', { name: visible(name), reason: failureWords(error) }],
      })
    }
  }
  if (gone.size === 0) return
  useHistory.setState(({ list, selected }) => ({
    list: list?.filter((item) => !gone.has(item.run)) ?? null,
    selected: new Set([...selected].filter((run) => !gone.has(run))),
  }))
  toast({
    message: ['history.deleted', { count: gone.size }],
    action: {
      label: 'action.undo',
      run: async () => {
        try {
          for (const run of gone) await host.call('runs.restore', { run })
        } finally {
          await refreshHistory()
        }
      },
    },
  })
}

/** Imports transcripts that the user chose, with one or more runs each. Reports a failure with the name of its file. */
export async function importFiles(files: readonly File[]): Promise<string[]> {
  const opened: string[] = []
  for (const file of files) {
    if (file.size > MAX_IMPORT) {
      toast({
        kind: 'bad',
        message: ['files.tooLarge', { name: file.name, limit: MAX_IMPORT >> 20 }],
      })
      continue
    }
    try {
      const runs = await host.call('runs.import', {
        name: file.name.slice(0, 255),
        content: await file.text(),
      })
      opened.push(...runs.map(({ run }) => run))
    } catch (error) {
      toast({
        kind: 'bad',
        message: ['history.failed', { name: file.name, reason: failureWords(error) }],
      })
    }
  }
  await refreshHistory()
  return opened
}

/** Imports runs and shows a single one, or the history if there are several. */
export async function openRuns(files: readonly File[]): Promise<void> {
  const [run, ...others] = await importFiles(files)
  if (run !== undefined) go(others.length === 0 ? { view: 'run', run } : { view: 'history' })
}

/** Returns the filtered list, in search order or newest first. A tag that no run has any more is ignored. */
export function visibleRuns({
  list,
  found,
  starredOnly,
  tag,
  only,
}: Pick<History, 'list' | 'found' | 'starredOnly' | 'tag' | 'only'>): RunSummary[] {
  let rows = list ?? []
  if (found !== null) {
    const byId = new Map(rows.map((row) => [row.run, row]))
    rows = found.flatMap(({ run }) => byId.get(run) ?? [])
  } else {
    rows = [...rows].sort((a, b) => (a.time < b.time ? 1 : -1))
  }
  const wanted = list?.some(({ tags }) => tag !== null && tags.includes(tag)) === true ? tag : null
  const { model, strategy, state } = only
  return rows.filter(
    (row) =>
      (!starredOnly || row.starred) &&
      (wanted === null || row.tags.includes(wanted)) &&
      (model === undefined || row.model === model) &&
      (strategy === undefined || row.strategy === strategy) &&
      (state === undefined || stateOf(row) === state),
  )
}

/** What a run is filtered by: how it ended, where that is special, else its status. */
export const stateOf = ({ status, outcome }: RunSummary): RunState => outcome ?? status
export type RunState = RunSummary['status'] | NonNullable<RunSummary['outcome']>
