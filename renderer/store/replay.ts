import { create } from 'zustand'
import { countLeading } from '../../engine/protocol/bisect.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { applyEvents, EMPTY_RUN, type RunState } from '../../engine/protocol/fold.ts'
import { captionsOf } from './captions.ts'
import { patchRun, useRuns } from './runs.ts'
import { forgetPlaces } from './scroll.ts'

/** Replays a recorded run through the same reducer. Time is that of the run (`at`, ms); speed 1 is real time. */
export interface Replay {
  run: string
  playing: boolean
  speed: number
  /** Milliseconds since the start of the run. */
  time: number
}

export const SPEEDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16] as const
/**
 * The least length of a replay at its initial speed, in ms: small models run too fast to watch, large ones too slowly.
 * From speed to speed the length doubles, so it is at most twice this one.
 */
const WATCHED = 20_000
const speedFor = (ms: number): number =>
  SPEEDS.findLast((speed) => ms / speed >= WATCHED) ?? SPEEDS[0]
export const useReplay = create<{ replay: Replay | null }>(() => ({ replay: null }))

interface Moment {
  readonly state: RunState
  readonly count: number
}

const MARKS = 64
const MIN_STEP = 64
const START: Moment = { state: EMPTY_RUN, count: 0 }
/** About 64 evenly spaced states of the run being replayed, in order. */
let marks: Moment[] = [START]

/**
 * Returns the state after the first `count` events, starting from the last mark before it or from `shown`, whichever
 * is nearer.
 */
export function stateAfter(
  events: readonly RunEvent[],
  count: number,
  shown: Moment = START,
): RunState {
  const step = Math.max(MIN_STEP, Math.ceil(events.length / MARKS))
  const mark = marks.findLast((one) => one.count <= count)!
  // Continuing from the shown state copies no tokens; a list that has grown since is copied when it grows differently.
  let { state, count: at } = shown.count > mark.count && shown.count <= count ? shown : mark
  while (at < count) {
    const end = Math.min(count, at + step)
    state = applyEvents(state, events.slice(at, end))
    at = end
    if (at - marks.at(-1)!.count >= step) marks.push({ state, count: at })
  }
  return state
}

/** Returns the number of events up to `time`. */
export const countAt = (events: readonly RunEvent[], time: number): number =>
  countLeading(events, ({ at }) => at <= time)

/** Returns the time of the first event, which is not 0 if the run was queued. */
export const startOf = (events: readonly RunEvent[]): number => events[0]?.at ?? 0
export const endOf = (events: readonly RunEvent[]): number =>
  events.reduce((end, event) => Math.max(end, event.at), 0)

export function startReplay(run: string): void {
  stopReplay()
  marks = [START]
  forgetPlaces(run) // the text follows the end, as in a live run
  const events = useRuns.getState().open[run]?.events ?? []
  const time = startOf(events)
  useReplay.setState({
    replay: { run, playing: true, speed: speedFor(endOf(events) - time), time },
  })
  show(run, time)
  last = null
  requestAnimationFrame(tick)
}

/** Ends the replay and shows the whole run. */
export function stopReplay(): void {
  const { replay } = useReplay.getState()
  if (replay === null) return
  useReplay.setState({ replay: null })
  marks = [START]
  patchRun(replay.run, (run) => ({ ...run, shown: run.live, replayed: null }))
}

export function seek(time: number): void {
  const { replay } = useReplay.getState()
  if (replay === null) return
  useReplay.setState({ replay: { ...replay, time } })
  show(replay.run, time)
}

export function setPlaying(playing: boolean): void {
  const { replay } = useReplay.getState()
  if (replay === null || replay.playing === playing) return
  const events = useRuns.getState().open[replay.run]?.events ?? []
  const time = playing && replay.time >= endOf(events) ? startOf(events) : replay.time
  useReplay.setState({ replay: { ...replay, playing, time } })
  last = null
  if (playing) requestAnimationFrame(tick)
}

export function setSpeed(speed: number): void {
  const { replay } = useReplay.getState()
  if (replay !== null) useReplay.setState({ replay: { ...replay, speed } })
}

/** Goes to the caption after the present moment, if there is one. */
export function seekNextCaption(): void {
  const { replay } = useReplay.getState()
  const next = replay && captionsOf(replay.run).find(({ at }) => at > replay.time)
  if (next) seek(next.at)
}

function show(id: string, time: number): void {
  patchRun(id, (run) => {
    const count = countAt(run.events, time)
    if (count === run.replayed) return run
    const shown = run.replayed === null ? START : { state: run.shown, count: run.replayed }
    return { ...run, shown: stateAfter(run.events, count, shown), replayed: count }
  })
}

let last: number | null = null

function tick(now: number): void {
  const { replay } = useReplay.getState()
  if (replay === null || !replay.playing) return
  const run = useRuns.getState().open[replay.run]
  if (run === undefined) {
    useReplay.setState({ replay: null })
    return
  }
  const passed = last === null ? 0 : Math.min(now - last, 250)
  last = now
  const end = endOf(run.events)
  const time = Math.min(end, replay.time + passed * replay.speed)
  useReplay.setState({ replay: { ...replay, time, playing: time < end } })
  show(replay.run, time)
  if (time < end) requestAnimationFrame(tick)
}
