import type { z } from 'zod'
import { closeSync, constants, fstatSync, readSync } from 'node:fs'
import { fail } from '../protocol/errors.ts'
import { FORMAT_VERSION, RunEvent } from '../protocol/events.ts'
import { MAX_LINE } from '../protocol/limits.ts'
import { badReference } from '../protocol/references.ts'
import { RunSize } from '../protocol/run-size.ts'
import { NestsTooDeep, parseJson } from '../protocol/json.ts'
import { diskError, openRegular } from '../files/index.ts'
import { Format1, Format1Event, TooLarge } from './format1.ts'

/** Small enough that the next reader of the chunks works while the next chunk is read. */
const CHUNK = 64 << 10
const KNOWN = new Set<string>(RunEvent.options.map((option) => option.shape.type.value))
const KNOWN1 = new Set<string>(Format1Event.options.map((option) => option.shape.type.value))

/** One line without its newline, and the offset of the byte after the newline. */
export interface Line {
  text: string
  end: number
}

/**
 * Yields the complete lines of [from, to) in chunks of about 64 KiB; bytes after the last newline
 * are ignored.
 */
export function* readLines(file: string, to = Infinity, from = 0): Generator<Line[]> {
  const descriptor = open(file)
  try {
    to = Math.min(to, fstatSync(descriptor).size)
    let rest: Buffer = Buffer.alloc(0)
    let position = from
    while (position < to) {
      // A long line doubles the buffer, so that it is copied only a few times.
      const got = Buffer.allocUnsafe(
        rest.length + Math.min(Math.max(CHUNK, rest.length), to - position),
      )
      rest.copy(got)
      const length = readSync(descriptor, got, rest.length, got.length - rest.length, position)
      if (length === 0) return
      const [lines, used] = split(got.subarray(0, rest.length + length), position - rest.length)
      position += length
      rest = got.subarray(used, rest.length + length)
      if (rest.length > MAX_LINE) throw tooLong()
      if (lines.length > 0) yield lines
    }
  } catch (error) {
    throw diskError(error, 'Reading a transcript')
  } finally {
    closeSync(descriptor)
  }
}

/** Returns the first complete line of [from, to). */
export function firstLine(file: string, to = Infinity, from = 0): Line | undefined {
  for (const [line] of readLines(file, to, from)) return line
  return undefined
}

/**
 * Returns the lines of a buffer that begins at `offset` of the file, and the number of bytes they
 * take.
 */
function split(buffer: Buffer, offset: number): [Line[], number] {
  const lines: Line[] = []
  let start = 0
  for (let newline = buffer.indexOf(0x0a); newline >= 0; newline = buffer.indexOf(0x0a, start)) {
    if (newline - start > MAX_LINE) throw tooLong()
    lines.push({ text: buffer.toString('utf8', start, newline), end: offset + newline + 1 })
    start = newline + 1
  }
  return [lines, start]
}

const tooLong = () =>
  fail('bad-transcript/file', {
    reason: `A line of the transcript has more than ${MAX_LINE >> 20} MiB, which no event has.`,
  })

export interface Events {
  events: RunEvent[]
  /** Each event as a line of format 2: unchanged from the file, or converted. */
  lines: string[]
  /** Number of bytes of the file up to the last event of this chunk. */
  end: number
}

/**
 * Yields the events of a transcript, in chunks. A last line that is torn or not an event is
 * dropped; such a line anywhere else is damage. Events of unknown type, written by a newer Braid,
 * stay in the file and are skipped here. Throws `bad-transcript`.
 */
export function* readEvents(file: string, to = Infinity): Generator<Events> {
  for (const { entries, end } of readEntries(file, to)) {
    const known = entries.filter((entry): entry is Known => entry.event !== null)
    if (known.length === 0) continue
    yield { events: known.map(({ event }) => event), lines: known.map(({ text }) => text), end }
  }
}

/** One line of format 2; `event` is null if its type is unknown. */
export interface Entry {
  event: RunEvent | null
  text: string
}
type Known = Entry & { event: RunEvent }

/**
 * Yields everything in a transcript, including unknown events, in chunks. Throws as `readEvents`
 * does.
 */
export function* readEntries(
  file: string,
  to = Infinity,
): Generator<{ entries: Entry[]; end: number }> {
  const parser = new EventParser()
  let number = 0
  let bad: string | undefined
  let end = 0
  for (const lines of readLines(file, to)) {
    const entries: Entry[] = []
    for (const line of lines) {
      if (bad !== undefined) throw fail('bad-transcript/file', { reason: bad })
      number++
      const found = parseLine(parser, line.text)
      if (typeof found === 'string') {
        bad = `Line ${number} is damaged: ${found}`
        continue
      }
      if (number === 1 && found?.[0]?.type !== 'run-started')
        throw fail('bad-transcript/file', {
          reason: 'Not a Braid transcript: the first line is not the start of a run.',
        })
      end = line.end
      if (found === null) entries.push({ event: null, text: line.text })
      else for (const event of found) entries.push(entryOf(event, parser, line.text))
    }
    if (entries.length > 0) yield { entries, end }
  }
  if (bad !== undefined && number === 1) throw fail('bad-transcript/file', { reason: bad })
  if (number === 0) throw fail('bad-transcript/file', { reason: 'The transcript is empty.' })
  const rest = parser.end()
  if (rest.length > 0) yield { entries: rest.map((event) => entryOf(event, parser, '')), end }
}

const entryOf = (event: RunEvent, { format }: EventParser, text: string): Entry => ({
  event,
  text: format === FORMAT_VERSION ? text : JSON.stringify(event),
})

function parseLine(parser: EventParser, line: string): RunEvent[] | null | string {
  try {
    return parser.parse(parseJson(line))
  } catch (error) {
    return error instanceof NestsTooDeep ? error.message : 'it is not valid JSON.'
  }
}

/** Returns the format of a transcript, or undefined if its first line does not give one. */
export function formatOf(file: string): number | undefined {
  const parser = new EventParser()
  return Array.isArray(parseLine(parser, firstLine(file)?.text ?? '')) ? parser.format : undefined
}

/**
 * Parses the events of one run in order. The first event determines the format; the results are
 * always format 2. The limits of a run (limits.ts) hold for all events together, and the
 * references within each are checked (references.ts).
 */
export class EventParser {
  /** undefined before the first event; null if the run is in format 2. */
  #format1: Format1 | null | undefined
  readonly #size = new RunSize()

  get format(): number {
    return this.#format1 instanceof Format1 ? 1 : FORMAT_VERSION
  }

  /**
   * Returns the parsed events, null if the type is unknown, or a sentence that describes the error.
   * Unknown fields are kept.
   */
  parse(value: unknown): RunEvent[] | null | string {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return 'it is not an event.'
    const { type, format } = value as { type?: unknown; format?: unknown }
    if (typeof type !== 'string') return 'it is not an event.'
    if (type === 'run-started' && typeof format === 'number' && format > FORMAT_VERSION)
      return `it was written by a newer Braid (format ${format}).`
    this.#format1 ??= type === 'run-started' && format === 1 ? new Format1() : null
    if (this.#format1 === null) {
      if (!KNOWN.has(type)) return null
      const parsed = RunEvent.safeParse(value)
      return parsed.success ? this.#checked([value as RunEvent]) : wrong(parsed.error)
    }
    // A type that exists only in format 2 is skipped rather than read as an event of format 1.
    if (!KNOWN1.has(type)) return KNOWN.has(type) ? [] : null
    const parsed = Format1Event.safeParse(value)
    if (!parsed.success) return wrong(parsed.error)
    try {
      return this.#checked(this.#format1.convert(value as Format1Event))
    } catch (error) {
      if (error instanceof TooLarge) return error.message
      throw error
    }
  }

  #checked(events: RunEvent[]): RunEvent[] | string {
    for (const event of events) {
      const fault = this.#size.add(event) ?? badReference(event)
      if (fault !== undefined) return fault
    }
    return events
  }

  /** Returns the events that follow after the last one. */
  end(): RunEvent[] {
    return this.#format1?.end() ?? []
  }
}

function wrong({ issues: [issue] }: z.ZodError): string {
  return `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'it is not an event.'}`
}

function open(file: string): number {
  try {
    return openRegular(file, constants.O_NOFOLLOW ?? 0)
  } catch (error) {
    throw diskError(error, 'Reading a transcript')
  }
}
