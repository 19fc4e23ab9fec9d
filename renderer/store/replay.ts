import { create } from 'zustand'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { applyEvent, EMPTY_RUN, type RunState } from '../../engine/protocol/fold.ts'
import { patchRun, useRuns } from './runs.ts'

/** Plays a recorded run through the same reducer. Time is the run's own (`at`, ms); speed 1 is as it happened. */
export interface Replay {
  run: string
  playing: boolean
  speed: number
  /** Milliseconds since the run began. */
  time: number
}

export const SPEEDS = [0.5, 1, 2, 4, 8, 16] as const
const EVERY = 64

export const useReplay = create<{ replay: Replay | null }>(() => ({ replay: null }))

/** States at every 64th event of the run being replayed: states share structure, so this is cheap. */
let marks: RunState[] = []

/** The state after the first `count` events. */
export function stateAfter(events: readonly RunEvent[], count: number): RunState {
  const from = Math.min(Math.floor(count / EVERY), marks.length - 1)
  let state = marks[from] ?? EMPTY_RUN
  for (let i = Math.max(0, from) * EVERY; i < count; i++) {
    state = applyEvent(state, events[i]!)
    if ((i + 1) % EVERY === 0 && (i + 1) / EVERY === marks.length) marks.push(state)
  }
  return state
}

/** How many events had happened at `time`. */
export function countAt(events: readonly RunEvent[], time: number): number {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (events[middle]!.at <= time) low = middle + 1
    else high = middle
  }
  return low
}

/** When the first thing happened: a run may have waited for its turn. */
export const startOf = (events: readonly RunEvent[]): number => events[0]?.at ?? 0
export const endOf = (events: readonly RunEvent[]): number => events.reduce((end, event) => Math.max(end, event.at), 0)

export function startReplay(run: string): void {
  stopReplay()
  marks = [EMPTY_RUN]
  const time = startOf(useRuns.getState().open[run]?.events ?? [])
  useReplay.setState({ replay: { run, playing: true, speed: 4, time } })
  show(run, time)
  last = null
  requestAnimationFrame(tick)
}

/** Back to the whole run. */
export function stopReplay(): void {
  const { replay } = useReplay.getState()
  if (replay === null) return
  useReplay.setState({ replay: null })
  marks = []
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

function show(id: string, time: number): void {
  patchRun(id, (run) => {
    const count = countAt(run.events, time)
    return count === run.replayed ? run : { ...run, shown: stateAfter(run.events, count), replayed: count }
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
