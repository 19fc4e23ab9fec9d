import type { RunEvent, Token } from '../protocol/events.ts'
import { BraidError } from '../protocol/errors.ts'
import { applyEvent, EMPTY_RUN, type RunState } from '../protocol/fold.ts'
import { withoutText } from '../protocol/run-list.ts'
import { AlternativesWriter } from './alternatives.ts'
import { AppendFile, diskError } from '../files/index.ts'
import { readEvents } from './lines.ts'
import { WriteLock } from '../files/index.ts'
import { upgrade } from './upgrade.ts'

/** Files of one run; all but the transcript may be missing. */
export interface RunFiles {
  transcript: string
  alternatives: string
  lock: string
  /** Where a transcript of format 1 stays for a while once it was rewritten. */
  format1: string
}

/**
 * The one writer of a transcript. `append` returns only when the event is on disk; what it returns is what others may
 * see: the event as the file holds it. Tokens keep no alternatives there, they go to the side file.
 */
export class TranscriptWriter {
  readonly #lock: WriteLock
  readonly #file: AppendFile
  readonly #alternatives: AlternativesWriter
  #state = EMPTY_RUN

  /** A new transcript, or (`resume`) one that goes on: it is in format 2 then, and without a torn last line. */
  constructor(files: RunFiles, resume = false) {
    this.#lock = lockRun(files.lock)
    try {
      this.#alternatives = new AlternativesWriter(files.alternatives)
      let keep: number | undefined
      if (resume) {
        upgrade(files.transcript, files.format1)
        for (const { events, end } of readEvents(files.transcript)) {
          keep = end
          for (const event of events) {
            this.#fold(event)
            this.#alternatives.skip(event)
          }
        }
      }
      this.#file = new AppendFile(files.transcript, keep)
    } catch (error) {
      this.#lock.release()
      throw error
    }
  }

  /** What the events so far fold to, without their texts. */
  get state(): RunState {
    return this.#state
  }

  /** Bytes on disk; always the end of a line. */
  get bytes(): number {
    return this.#file.bytes
  }

  append(event: RunEvent): RunEvent {
    if ((this.bytes === 0) !== (event.type === 'run-started'))
      throw new BraidError('internal', 'A transcript begins with run-started, once.')
    const stored = storedEvent(event)
    this.#file.append(JSON.stringify(stored) + '\n')
    this.#alternatives.write(event)
    this.#fold(stored)
    if (event.type === 'run-started' || event.type === 'run-ended' || event.type === 'run-failed')
      this.#file.sync()
    return stored
  }

  #fold(event: RunEvent): void {
    this.#state = applyEvent(this.#state, withoutText(event))
  }

  close(): void {
    this.#file.close()
    this.#alternatives.close()
    this.#lock.release()
  }
}

function lockRun(file: string): WriteLock {
  try {
    return new WriteLock(file)
  } catch (error) {
    throw diskError(error, 'Starting a transcript')
  }
}

/** As the file holds it: no alternatives, and numbers with the seven digits that the engine's 32-bit floats have. */
export function storedEvent(event: RunEvent): RunEvent {
  return event.type === 'tokens' ? { ...event, tokens: event.tokens.map(storedToken) } : event
}

function storedToken({ alternatives: _, ...token }: Token): Token {
  return { ...token, logprob: digits(token.logprob), entropy: digits(token.entropy) }
}

function digits(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null
  return Number(value.toPrecision(7))
}
