import { create } from 'zustand'
import { toBraidError } from '../../engine/protocol/errors.ts'
import {
  runError,
  type CommandResult,
  type RunCommand,
  type RunError,
  type RunEvent,
  type SegmentId,
} from '../../engine/protocol/events.ts'
import {
  applyEvents,
  EMPTY_RUN,
  foldRun,
  interrupt,
  isAtWork,
  segmentOf,
  type RunState,
  type Segment,
} from '../../engine/protocol/fold.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { eventsIn } from '../../engine/protocol/wire.ts'
import { frameTask } from './frame.ts'
import { host } from './host.ts'

/**
 * A run that the window follows. `live` is the state from the host; `shown` is what views draw: `live`, or a moment of
 * a replay.
 */
export interface OpenRun {
  readonly id: string
  /** All events so far. The array grows in place. */
  readonly events: RunEvent[]
  readonly live: RunState
  readonly shown: RunState
  /** Number of events that the replay shows; null without a replay. */
  readonly replayed: number | null
  /** The backlog is still being received. */
  readonly loading: boolean
  readonly error: RunError | null
  /** The run came with the app and is unknown to the host. */
  readonly sample: boolean
}

interface Runs {
  readonly open: Readonly<Record<string, OpenRun>>
}

export const useRuns = create<Runs>(() => ({ open: {} }))
export const SAMPLE_ID = 'sample'

const blank = (id: string): OpenRun => ({
  id,
  events: [],
  live: EMPTY_RUN,
  shown: EMPTY_RUN,
  replayed: null,
  loading: true,
  error: null,
  sample: false,
})

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
  useRuns.setState(({ open }) => ({
    open: {
      ...open,
      [id]: { ...blank(id), events, live, shown: live, loading: false, sample: true },
    },
  }))
}

/**
 * Follows a run: first all events so far, then live ones. Called again after a reconnect; the shown state stays until
 * the host answers.
 */
export async function openRun(id: string): Promise<void> {
  const before = useRuns.getState().open[id]
  if (before?.sample === true) return
  forget(id)
  const asked: Opening = { run: blank(id), complete: false }
  opening.set(id, asked)
  if (before === undefined) useRuns.setState(({ open }) => ({ open: { ...open, [id]: asked.run } }))
  try {
    const { live } = await host.call('run.open', { run: id })
    if (opening.get(id) !== asked) return
    // `live` is about the events that came before the answer: the run may have been resumed since.
    asked.run = grown(asked.run, queued.get(id) ?? [])
    if (!live) asked.run = withLive(asked.run, interrupt(asked.run.live))
    asked.complete = true
    queued.delete(id)
    schedule()
  } catch (error) {
    if (opening.get(id) !== asked) return // closed or opened again in the meantime
    forget(id)
    const why = toBraidError(error)
    if (why.code === 'engine-lost' && (before?.events.length ?? 0) > 0) return // opened again with the next connection
    patchRun(id, (run) => ({ ...run, loading: false, error: runError(why) }))
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
  if (!run.sample) host.call('run.close', { run: id }).catch(() => undefined) // without the channel there is no subscription either
}

/** Returns whether a run is neither running nor queued. */
export const isOver = (status: RunState['status']): boolean => !isAtWork({ status })

/**
 * Number of finished runs that stay open after they were shown, so that going back is instant. Runs that may still
 * change stay open too.
 */
const KEPT = 3
let recent: string[] = []
export function closeHidden(shown: readonly string[]): void {
  recent = [...new Set([...shown, ...recent])].slice(0, shown.length + KEPT)
  for (const { id, live, loading, error, replayed, sample } of Object.values(
    useRuns.getState().open,
  )) {
    const over = error !== null || isOver(live.status)
    if (over && !loading && replayed === null && !sample && !recent.includes(id)) closeRun(id)
  }
}

/** Starts a run and follows it. */
export async function startRun(request: RunRequest): Promise<string> {
  const { run } = await host.call('run.start', { request })
  await openRun(run)
  return run
}

/** Sends a command. The result names the segment that a branch or a summary opened. */
export function command(run: string, command: RunCommand): Promise<CommandResult> {
  return host.call('run.command', { run, command })
}

/** Events that wait for the next frame, so that the store changes at most once per frame. */
const queued = new Map<string, RunEvent[]>()
/** Runs whose backlog is being received. A run is shown when it is complete, which is when `run.open` answers. */
interface Opening {
  run: OpenRun
  complete: boolean
}
const opening = new Map<string, Opening>()
const schedule = frameTask(flush)

export function receiveEvents(message: Parameters<typeof eventsIn>[0]): void {
  const id = message.run
  if (useRuns.getState().open[id] === undefined) return
  if (message.kind === 'backlog' && message.start) {
    queued.delete(id)
    const asked = opening.get(id)
    if (asked !== undefined) asked.run = blank(id)
  }
  const list = queued.get(id) ?? []
  for (const event of eventsIn(message)) list.push(event)
  queued.set(id, list)
  schedule()
}

function forget(id: string): void {
  queued.delete(id)
  opening.delete(id)
}

function grown(run: OpenRun, events: readonly RunEvent[]): OpenRun {
  for (const event of events) run.events.push(event)
  return withLive({ ...run, loading: false }, applyEvents(run.live, events))
}

function withLive(run: OpenRun, live: RunState): OpenRun {
  return { ...run, live, shown: run.replayed === null ? live : run.shown }
}

/** Applies the events that arrived since the last frame. */
export function flush(): void {
  useRuns.setState((state) => {
    let { open } = state
    for (const [id, run] of Object.entries(open)) {
      const events = queued.get(id) ?? []
      const asked = opening.get(id)
      queued.delete(id)
      if (asked?.complete === false) asked.run = grown(asked.run, events)
      else if (asked !== undefined || events.length > 0) {
        opening.delete(id)
        open = { ...open, [id]: grown(asked?.run ?? run, events) }
      }
    }
    return open === state.open ? state : { open } // an incomplete backlog is not drawn
  })
}

/** Marks the open runs as interrupted, since the engine has died. */
export function interruptRuns(): void {
  flush()
  for (const [id, run] of Object.entries(useRuns.getState().open)) {
    if (run.live.status !== 'running') continue
    patchRun(id, (old) => withLive(old, interrupt(old.live)))
  }
}

const segmentIn = (run: OpenRun | undefined, segment: SegmentId): Segment | undefined =>
  run && segmentOf(run.shown, segment)
/** Returns a segment as it is currently shown. */
export const segmentNow = (run: string, segment: SegmentId): Segment | undefined =>
  segmentIn(useRuns.getState().open[run], segment)

export const useOpenRun = (id: string): OpenRun | undefined => useRuns((s) => s.open[id])
export const useSegment = (run: string, segment: SegmentId): Segment | undefined =>
  useRuns((s) => segmentIn(s.open[run], segment))
/** Returns one field of a segment and re-renders only when it changes. */
export const useSegmentField = <T>(
  run: string,
  segment: SegmentId,
  select: (state: Segment | undefined) => T,
): T => useRuns((s) => select(segmentIn(s.open[run], segment)))
/** Selects from the shown state of a run. The selector should return primitives or parts of the state. */
export function useShown<T>(id: string, select: (state: RunState) => T): T {
  return useRuns((s) => select(s.open[id]?.shown ?? EMPTY_RUN))
}
