import { create } from 'zustand'
import type { RunEvent } from '../../engine/protocol/events.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'

/** Where in a recording a caption belongs; found in its events, so a recording cannot drift from its captions. */
export type Moment =
  | { begins: SegmentId }
  /** The text of the segment first contains `says`. */
  | { segment: SegmentId; says: string }
  | { ends: SegmentId }
  | { run: 'ended' }

/** An entry of the file beside a recording: a moment and a sentence by language. */
export type CaptionSource = { moment: Moment; text: Readonly<Record<'en' | 'zh', string>> }

export interface Caption {
  /** Milliseconds since the start of the run. */
  at: number
  text: CaptionSource['text']
}

/** Captions of replays, by run. */
export const useCaptions = create<{ of: Readonly<Record<string, readonly Caption[]>> }>(() => ({
  of: {},
}))

const NONE: readonly Caption[] = []
export const captionsOf = (run: string): readonly Caption[] =>
  useCaptions.getState().of[run] ?? NONE
export const useCaptionsOf = (run: string): readonly Caption[] =>
  useCaptions((s) => s.of[run] ?? NONE)

/** Returns the captions with their times, in order; those whose moment does not occur are left out. */
export const placed = (
  sources: readonly CaptionSource[],
  events: readonly RunEvent[],
): readonly Caption[] =>
  sources
    .flatMap(({ moment, text }) => {
      const at = timeOf(moment, events)
      return at === undefined ? [] : [{ at, text }]
    })
    .sort((a, b) => a.at - b.at)

/** Returns the index of the caption at `time`, which is the last one before it; -1 if there is none yet. */
export const captionAt = (captions: readonly Caption[], time: number): number =>
  captions.findLastIndex(({ at }) => at <= time)

export function timeOf(moment: Moment, events: readonly RunEvent[]): number | undefined {
  if ('says' in moment) return timeSaid(moment, events)
  return events.find((event) =>
    'begins' in moment
      ? event.type === 'segment-started' && event.segment === moment.begins
      : 'ends' in moment
        ? event.type === 'segment-ended' && event.segment === moment.ends
        : event.type === 'run-ended',
  )?.at
}

function timeSaid(
  { segment, says }: { segment: SegmentId; says: string },
  events: readonly RunEvent[],
): number | undefined {
  let text = ''
  for (const event of events) {
    if (event.type !== 'tokens' || event.segment !== segment) continue
    text += event.tokens.map((token) => token.text).join('')
    if (text.includes(says)) return event.at
  }
  return undefined
}
