import { create } from 'zustand'
import { toBraidError } from '../../engine/protocol/errors.ts'
import type { RunCommand, RunError, RunEvent } from '../../engine/protocol/events.ts'
import { applyEvents, EMPTY_RUN, foldRun, interrupt, pathOf, summaryOf, type PathState, type RunState, type Stream, type SummaryState } from '../../engine/protocol/fold.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { frameTask } from './frame.ts'
import { host } from './host.ts'

/** A run that the window follows. Only what the host said is in `live`; `shown` is what views draw: live, or a moment of a replay. */
export interface OpenRun {
  readonly id: string
  /** All events so far; grows in place. */
  readonly events: RunEvent[]
  readonly live: RunState
  readonly shown: RunState
  /** Number of events the replay shows; null: live. */
  readonly replayed: number | null
  /** The backlog is still on its way. */
  readonly loading: boolean
  readonly error: RunError | null
  /** Came with the app: the host does not know it. */
  readonly sample: boolean
}

interface Runs {
  readonly open: Readonly<Record<string, OpenRun>>
}

export const useRuns = create<Runs>(() => ({ open: {} }))
export const SAMPLE_ID = 'sample'

const blank = (id: string): OpenRun => ({ id, events: [], live: EMPTY_RUN, shown: EMPTY_RUN, replayed: null, loading: true, error: null, sample: false })

export function patchRun(id: string, change: (run: OpenRun) => OpenRun): void {
  useRuns.setState(({ open }) => {
    const run = open[id]
    if (run === undefined) return { open }
    const next = change(run)
    return next === run ? { open } : { open: { ...open, [id]: next } }
  })
}

/** Puts a run into the store without the host (samples, tests). */
export function openLocal(id: string, events: RunEvent[]): void {
  const live = foldRun(events, { live: false })
  useRuns.setState(({ open }) => ({ open: { ...open, [id]: { ...blank(id), events, live, shown: live, loading: false, sample: true } } }))
}

/** Follows a run: everything so far, then live. Called again after the host came back: what is shown stays until it answers. */
export async function openRun(id: string): Promise<void> {
  const before = useRuns.getState().open[id]
  if (before?.sample === true) return
  forget(id)
  const renew = () => useRuns.setState(({ open }) => ({ open: { ...open, [id]: blank(id) } }))
  if (before === undefined) renew()
  try {
    const { events, live } = await host.call('run.open', { run: id })
    if (useRuns.getState().open[id] === undefined) return
    if (before !== undefined) renew()
    expected.set(id, { events, live })
    schedule()
  } catch (error) {
    const { code, message } = toBraidError(error)
    if (code === 'engine-lost' && (before?.events.length ?? 0) > 0) return // asked again with the next connection
    patchRun(id, (run) => ({ ...run, loading: false, error: { code, message } }))
  }
}

export function closeRun(id: string): void {
  const run = useRuns.getState().open[id]
  if (run === undefined) return
  useRuns.setState(({ open }) => {
    const { [id]: _, ...rest } = open
    return { open: rest }
  })
  forget(id)
  if (!run.sample) host.call('run.close', { run: id }).catch(() => undefined) // the channel is gone, and the subscription with it
}

/** Runs that are not shown stay open while something may still come, and a few that were shown last, so that going back is at once. */
const KEPT = 3
let recent: string[] = []
export function closeHidden(shown: readonly string[]): void {
  recent = [...new Set([...shown, ...recent])].slice(0, shown.length + KEPT)
  for (const { id, live, loading, error, replayed, sample } of Object.values(useRuns.getState().open)) {
    const over = error !== null || (live.status !== 'running' && live.status !== 'empty')
    if (over && !loading && replayed === null && !sample && !recent.includes(id)) closeRun(id)
  }
}

/** Starts a run and follows it. */
export async function startRun(request: RunRequest): Promise<string> {
  const { run } = await host.call('run.start', { request })
  await openRun(run)
  return run
}

export function command(run: string, command: RunCommand): Promise<unknown> {
  return host.call('run.command', { run, command })
}

/** Events wait here until the next frame: the store changes at most once a frame. */
const queued = new Map<string, RunEvent[]>()
/** What `run.open` announced of the backlog, until all of it is here. */
const expected = new Map<string, { events: number; live: boolean }>()
const schedule = frameTask(flush)

export function receiveEvents(id: string, events: readonly RunEvent[], more: boolean): void {
  if (useRuns.getState().open[id] === undefined) return
  const list = queued.get(id) ?? []
  for (const event of events) list.push(event)
  queued.set(id, list)
  if (!more) whole.add(id)
  schedule()
}
/** Runs whose backlog has come whole. */
const whole = new Set<string>()

function forget(id: string): void {
  queued.delete(id)
  expected.delete(id)
  whole.delete(id)
}

/** A backlog is drawn once, when all of it is here. */
export function flush(): void {
  useRuns.setState(({ open }) => {
    const next = { ...open }
    for (const [id, run] of Object.entries(open)) {
      const events = queued.get(id) ?? []
      const backlog = expected.get(id)
      const complete = backlog !== undefined && (whole.has(id) || events.length >= backlog.events)
      if (run.loading ? !complete : events.length === 0) continue
      forget(id)
      for (const event of events) run.events.push(event)
      let live = applyEvents(run.live, events)
      if (backlog?.live === false) live = interrupt(live)
      next[id] = { ...run, live, shown: run.replayed === null ? live : run.shown, loading: false }
    }
    return { open: next }
  })
}

/** Nothing writes to the open runs any more: the engine died. */
export function interruptRuns(): void {
  flush()
  for (const [id, run] of Object.entries(useRuns.getState().open)) {
    if (run.live.status !== 'running') continue
    patchRun(id, (old) => {
      const live = interrupt(old.live)
      return { ...old, live, shown: old.replayed === null ? live : old.shown }
    })
  }
}

/** The summary that the run's answer is from: of several groups the one that won the vote, unless one was written since; else the latest. */
export function decidingVersion({ summaries, votes }: Pick<RunState, 'summaries' | 'votes'>): number | null {
  const latest = summaries.at(-1)
  const vote = votes.find(({ over }) => over === 'summaries')
  const won = vote?.classes[vote.winner]?.members.find((version) => summaries.some((one) => one.version === version))
  return won === undefined || latest!.startedAt > vote!.at ? latest?.version ?? null : won
}

/** A path, or with `path` 0 the summary of a version. */
export function streamOf(state: RunState, path: number, version: number): Stream | undefined {
  return path > 0 ? pathOf(state, path) : summaryOf(state, version)
}

export const useOpenRun = (id: string): OpenRun | undefined => useRuns((s) => s.open[id])
/** One field of a path; re-renders only when that field changes. */
export const usePathField = <T>(id: string, path: number, select: (state: PathState | undefined) => T): T =>
  useRuns((s) => { const run = s.open[id]; return select(run && pathOf(run.shown, path)) })
export const useSummaryState = (id: string, version: number): SummaryState | undefined =>
  useRuns((s) => { const run = s.open[id]; return run && summaryOf(run.shown, version) })
export const useStream = (id: string, path: number, version: number): Stream | undefined =>
  useRuns((s) => { const run = s.open[id]; return run && streamOf(run.shown, path, version) })
/** Narrow reading of a run; return primitives or parts of the state. */
export function useShown<T>(id: string, select: (state: RunState) => T): T {
  return useRuns((s) => select(s.open[id]?.shown ?? EMPTY_RUN))
}
