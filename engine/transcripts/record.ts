import type { RunEvent } from '../protocol/events.ts'
import { applyEvent, EMPTY_RUN, type RunState } from '../protocol/fold.ts'
import { MAX_OWN_NOTICES } from '../protocol/limits.ts'
import { withoutText } from '../protocol/run-list.ts'
import type { RunStore } from './store.ts'
import type { TranscriptWriter } from './writer.ts'

/** An event as the engine emitted it, and as the transcript stores it (without alternatives). */
export interface Recorded {
  event: RunEvent
  stored: RunEvent
  /** False if the run failed before it had a transcript. */
  saved: boolean
  /** The fold of all events so far, without their texts. */
  state: RunState
}

/**
 * Passes a run's events on, each one only after it is in the transcript. The transcript begins with
 * `run-started`; a run that ends before that (no model, out of memory) has no transcript. `writer`
 * is given for a run that continues. A transcript that was deleted in the meantime is written again,
 * and a notice says so. Leaving the loop closes the transcript. A disk error also closes it and is
 * thrown.
 */
export async function* record(
  store: RunStore,
  run: string,
  events: AsyncIterable<RunEvent>,
  writer?: TranscriptWriter,
): AsyncGenerator<Recorded, void, undefined> {
  let unsaved = EMPTY_RUN
  try {
    for await (const event of events) {
      if (event.type === 'run-started') writer = store.create(run).writer
      else if (writer?.restore() === true && restored(writer.state) < MAX_OWN_NOTICES) {
        const notice: RunEvent = {
          type: 'notice',
          at: event.at,
          code: 'transcript-restored',
          params: { folder: store.root },
        }
        const stored = writer.append(notice)
        yield { event: notice, stored, saved: true, state: writer.state }
      }
      const stored = writer?.append(event) ?? event
      if (writer === undefined) unsaved = applyEvent(unsaved, withoutText(event))
      yield { event, stored, saved: writer !== undefined, state: writer?.state ?? unsaved }
    }
  } finally {
    if (writer !== undefined) store.close(run)
  }
}

/** Returns how many notices say that the transcript was written again. */
const restored = ({ notices }: RunState): number =>
  notices.filter(({ code }) => code === 'transcript-restored').length
