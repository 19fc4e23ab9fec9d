import { useEffect, useRef, useState } from 'react'
import { isOpen, tokensPerSecond, type Segment } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { segmentNow, useRuns } from '../store/runs.ts'
import { placeKey } from '../store/scroll.ts'
import { inTurn } from '../store/turns.ts'

export interface Meter {
  state: Segment
  /** Tokens per second: while live, over the last two seconds or five tokens, whichever is longer; else over the whole time. null before that. */
  speed: number | null
  /** Mean logprob of up to POINTS stretches of equal length, oldest first. */
  confidence: readonly number[]
}

const POINTS = 40
const TICK_MS = 1000
const WINDOW_MS = 2000
/** The fewest tokens that a speed rests on. */
const LEAST = 5

/** Running sums of logprobs, one entry per token: the mean of any stretch takes O(1), growth O(added). */
class LogprobSums {
  #sums: number[] = [0]
  means({ tokens }: Segment): number[] {
    if (tokens.length < this.#sums.length - 1) this.#sums = [0]
    for (let i = this.#sums.length - 1; i < tokens.length; i++)
      this.#sums.push(this.#sums[i]! + (tokens.at(i)!.logprob ?? 0))
    const count = Math.min(POINTS, tokens.length)
    return Array.from({ length: count }, (_, i) => {
      const from = Math.floor((i * tokens.length) / count)
      const to = Math.floor(((i + 1) * tokens.length) / count)
      return (this.#sums[to]! - this.#sums[from]!) / (to - from)
    })
  }
}

/** Returns the figures of a lane, updated once per second, since those of many lanes take time in every frame. */
export function useMeter(run: string, segment: SegmentId): Meter | null {
  const sums = useRef(new LogprobSums())
  const seen = useRef<{ at: number; tokens: number }[]>([])
  const [meter, setMeter] = useState<Meter | null>(null)
  useEffect(() => {
    let last: Segment | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let takeBack = () => undefined as unknown
    const pane = placeKey(run, segment)
    const read = () => {
      const state = segmentNow(run, segment)
      if (state === last) return
      last = state
      if (state === undefined) return setMeter(null)
      setMeter({
        state,
        speed: speedOf(state, seen.current),
        confidence: sums.current.means(state),
      })
    }
    read()
    const stop = useRuns.subscribe(() => {
      const now = segmentNow(run, segment)
      if (now === last) return
      if (now === undefined || now.status !== last?.status) takeBack = inTurn(read, pane) // a change of status shows at once
      timer ??= setTimeout(() => {
        timer = undefined
        takeBack = inTurn(read, pane)
      }, TICK_MS)
    })
    return () => {
      stop()
      clearTimeout(timer)
      takeBack()
    }
  }, [run, segment])
  return meter
}

/** Returns the speed of a lane; `seen`: what was seen of it before, newest last. */
export function speedOf(state: Segment, seen: { at: number; tokens: number }[]): number | null {
  if (!isOpen(state) || state.lastTokenAt === null) return tokensPerSecond(state)
  const newest = seen.at(-1)
  if (newest !== undefined && newest.tokens > state.tokens.length) seen.length = 0
  if (newest?.at !== state.lastTokenAt)
    seen.push({ at: state.lastTokenAt, tokens: state.tokens.length })
  const enough = (tokens = Infinity) => state.tokens.length - tokens >= LEAST
  while (seen[0]!.at < state.lastTokenAt - WINDOW_MS && enough(seen[1]?.tokens)) seen.shift()
  const { at, tokens } = seen[0]!
  if (enough(tokens)) return ((state.tokens.length - tokens) * 1000) / (state.lastTokenAt - at)
  return enough(state.firstTokens) ? tokensPerSecond(state) : null
}
