import { dirname } from 'node:path'
import type { RunEvent, Token } from '../protocol/events.ts'
import { BraidError, fail } from '../protocol/errors.ts'
import { applyEvents, EMPTY_RUN, interrupt, type RunState } from '../protocol/fold.ts'
import { MAX_LINE } from '../protocol/limits.ts'
import { withoutText } from '../protocol/run-list.ts'
import { AlternativesWriter } from './alternatives.ts'
import { AppendFile, diskError, makeFolder } from '../files/index.ts'
import { readEvents } from './lines.ts'
import { WriteLock } from '../files/index.ts'
import { upgrade } from './upgrade.ts'

/** Files of one run; only the transcript must exist. */
export interface RunFiles {
  transcript: string
  alternatives: string
  lock: string
  /** Where the original of a rewritten format 1 transcript stays for a while. */
  format1: string
}

/** Events that are on the device, not only on disk, before anyone sees them. */
const SYNCED = new Set<RunEvent['type']>(['run-started', 'run-ended', 'run-failed'])

/**
 * The only writer of a transcript. `append` returns only when the event is on disk. It returns the
 * stored event, which is what others may see: its tokens have no alternatives, because those go to
 * the side file.
 */
export class TranscriptWriter {
  readonly #lock: WriteLock
  readonly #file: AppendFile
  readonly #alternatives: AlternativesWriter
  #state = EMPTY_RUN

  /**
   * Opens a new transcript or, with `resume`, an existing one, which is brought to format 2 and
   * loses a torn last line.
   */
  constructor(files: RunFiles, resume = false) {
    makeFolder(dirname(files.lock), 'Starting a transcript')
    this.#lock = lockRun(files.lock)
    try {
      this.#alternatives = new AlternativesWriter(files.alternatives)
      let keep: number | undefined
      if (resume) {
        upgrade(files.transcript, files.format1)
        for (const { events, end } of readEvents(files.transcript)) {
          keep = end
          this.#fold(events)
          for (const event of events) this.#alternatives.skip(event)
        }
        this.#state = interrupt(this.#state)
      }
      this.#file = new AppendFile(files.transcript, keep)
    } catch (error) {
      this.#lock.release()
      throw error
    }
  }

  /** The folded state of the events so far, without their texts. */
  get state(): RunState {
    return this.#state
  }

  /** Number of bytes on disk; always at the end of a line. */
  get bytes(): number {
    return this.#file.bytes
  }

  append(event: RunEvent): RunEvent {
    return this.appendAll([event])[0]!
  }

  /** As `append`, for several events, whose state is folded at once. */
  appendAll(events: readonly RunEvent[]): RunEvent[] {
    const all = events.map((event) => {
      if ((this.bytes === 0) !== (event.type === 'run-started'))
        throw new BraidError('internal', 'A transcript begins with run-started, once.')
      const stored = storedEvent(event)
      this.#file.append(lineOf(stored))
      this.#alternatives.write(event)
      return stored
    })
    this.#fold(all)
    if (all.some(({ type }) => SYNCED.has(type))) this.#file.sync()
    return all
  }

  /**
   * Writes the run's files again if they were deleted while it goes on, and returns whether they
   * were.
   */
  restore(): boolean {
    const restored = this.#file.restore()
    if (restored) this.#lock.touch()
    return restored
  }

  #fold(events: readonly RunEvent[]): void {
    this.#state = applyEvents(this.#state, events.map(withoutText))
  }

  close(): void {
    this.#file.close()
    this.#alternatives.close()
    this.#lock.release()
  }
}

/** Returns the line of an event. Throws `bad-transcript` for one that no reader takes. */
function lineOf(event: RunEvent): string {
  const line = JSON.stringify(event) + '\n'
  // A UTF-16 unit has at most 3 bytes.
  if (line.length * 3 > MAX_LINE && Buffer.byteLength(line) > MAX_LINE + 1)
    throw fail('bad-transcript/file', {
      reason: `An event of the type ${event.type} has more than ${MAX_LINE >> 20} MiB, which no transcript can hold.`,
    })
  return line
}

function lockRun(file: string): WriteLock {
  try {
    return new WriteLock(file)
  } catch (error) {
    throw diskError(error, 'Starting a transcript')
  }
}

/**
 * Returns an event as the file stores it: without alternatives, and with numbers rounded to seven
 * digits, the precision of the engine's 32-bit floats.
 */
export function storedEvent(event: RunEvent): RunEvent {
  return event.type === 'tokens' ? { ...event, tokens: event.tokens.map(storedToken) } : event
}

function storedToken({ alternatives: _, confidence, members, ...token }: Token): Token {
  return {
    ...token,
    logprob: digits(token.logprob),
    entropy: digits(token.entropy),
    ...(confidence !== undefined && { confidence: Number(confidence.toPrecision(5)) }),
    ...(members !== undefined && {
      members: members.map((one) => ({ ...one, logprob: digits(one.logprob) ?? 0 })),
    }),
  }
}

function digits(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null
  return Number(value.toPrecision(7))
}
