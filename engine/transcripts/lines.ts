import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { BraidError } from '../protocol/errors.ts'
import { RunEvent } from '../protocol/events.ts'
import { diskError } from '../files/disk.ts'

/** A line holds at most a problem and its token ids. */
const MAX_LINE = 64 << 20
const CHUNK = 256 << 10
const KNOWN = new Set<string>(RunEvent.options.map((option) => option.shape.type.value))

/** One line without its newline, and the offset of the byte after that. */
export interface Line {
  text: string
  end: number
}

/** Whole lines of [0, to), in chunks of about 256 KiB; bytes after the last newline are left out. */
export function* readLines(file: string, to = Infinity, from = 0): Generator<Line[]> {
  const descriptor = open(file)
  try {
    to = Math.min(to, fstatSync(descriptor).size)
    let rest: Buffer = Buffer.alloc(0)
    let position = from
    while (position < to) {
      // A long line doubles the buffer, so that it is copied a few times only.
      const got = Buffer.allocUnsafe(
        rest.length + Math.min(Math.max(CHUNK, rest.length), to - position),
      )
      rest.copy(got)
      const length = readSync(descriptor, got, rest.length, got.length - rest.length, position)
      if (length === 0) return
      const [lines, used] = split(got.subarray(0, rest.length + length), position - rest.length)
      position += length
      rest = got.subarray(used, rest.length + length)
      if (rest.length > MAX_LINE)
        throw new BraidError('bad-transcript', 'A line of the transcript is too long.')
      if (lines.length > 0) yield lines
    }
  } catch (error) {
    throw diskError(error, 'Reading a transcript')
  } finally {
    closeSync(descriptor)
  }
}

/** Lines of a buffer that stands at `offset` of the file, and the bytes of it that they use. */
function split(buffer: Buffer, offset: number): [Line[], number] {
  const lines: Line[] = []
  let start = 0
  for (let newline = buffer.indexOf(0x0a); newline >= 0; newline = buffer.indexOf(0x0a, start)) {
    lines.push({ text: buffer.toString('utf8', start, newline), end: offset + newline + 1 })
    start = newline + 1
  }
  return [lines, start]
}

export interface Events {
  events: RunEvent[]
  /** Each as it stands in the file. */
  lines: string[]
  /** Bytes of the file up to the last event of this chunk. */
  end: number
}

/**
 * The events of a transcript, in chunks. A last line that is torn or no event is dropped; one in the middle is damage
 * (`bad-transcript`). Events of unknown type (a newer Braid wrote them) stay in the file and are passed over here.
 */
export function* readEvents(file: string, to = Infinity): Generator<Events> {
  let number = 0
  let bad: string | undefined
  let end = 0
  for (const lines of readLines(file, to)) {
    const events: RunEvent[] = []
    const texts: string[] = []
    for (const line of lines) {
      if (bad !== undefined) throw new BraidError('bad-transcript', bad)
      number++
      const event = parseLine(line.text)
      if (typeof event === 'string') bad = `Line ${number} is damaged: ${event}`
      else if (number === 1 && event.type !== 'run-started')
        throw new BraidError('bad-transcript', 'The first line is no start of a run.')
      else if (KNOWN.has(event.type)) {
        events.push(event)
        texts.push(line.text)
      }
      if (bad === undefined) end = line.end
    }
    if (events.length > 0) yield { events, lines: texts, end }
  }
  if (bad !== undefined && number === 1) throw new BraidError('bad-transcript', bad)
  if (number === 0) throw new BraidError('bad-transcript', 'The transcript is empty.')
}

function parseLine(line: string): RunEvent | string {
  try {
    return parseEvent(JSON.parse(line))
  } catch {
    return 'it is no JSON.'
  }
}

/** An event, or what is wrong with it. Fields that this version does not know are kept. */
export function parseEvent(value: unknown): RunEvent | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is no event.'
  const { type, format } = value as { type?: unknown; format?: unknown }
  if (typeof type !== 'string') return 'it is no event.'
  if (type === 'run-started' && typeof format === 'number' && format > 1)
    return `it was written by a newer Braid (format ${format}).`
  if (!KNOWN.has(type)) return value as RunEvent
  const parsed = RunEvent.safeParse(value)
  if (parsed.success) return value as RunEvent
  const issue = parsed.error.issues[0]
  return `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'it is no event.'}`
}

function open(file: string): number {
  try {
    return openSync(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  } catch (error) {
    throw diskError(error, 'Reading a transcript')
  }
}
