import type { RunEvent } from '../protocol/events.ts'
import type { RunStore } from './store.ts'
import type { TranscriptWriter } from './writer.ts'

/** An event as the engine said it, and as the transcript holds it (no alternatives). */
export interface Recorded {
  event: RunEvent
  stored: RunEvent
  /** false: the run failed before it had a transcript. */
  saved: boolean
}

/**
 * Passes a run's events on, each only when it is in the transcript. The transcript begins with `run-started`; an end
 * that comes before it (no model, out of memory) has none. `writer`: of a run that goes on.
 * Leaving the loop closes the transcript, as does an error of the disk, which is thrown.
 */
export async function* record(
  store: RunStore,
  run: string,
  events: AsyncIterable<RunEvent>,
  writer?: TranscriptWriter,
): AsyncGenerator<Recorded, void, undefined> {
  try {
    for await (const event of events) {
      if (event.type === 'run-started') writer = store.create(run).writer
      yield { event, stored: writer?.append(event) ?? event, saved: writer !== undefined }
    }
  } finally {
    if (writer !== undefined) store.close(run)
  }
}
