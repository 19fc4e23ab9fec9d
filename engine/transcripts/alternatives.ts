import { z } from 'zod'
import { existsSync } from 'node:fs'
import { countLeading } from '../protocol/bisect.ts'
import { Alternative, SegmentId, type RunEvent } from '../protocol/events.ts'
import { AppendFile } from '../files/index.ts'
import { segmentOf1 } from './format1.ts'
import { firstLine, readLines, type Line } from './lines.ts'

/**
 * The side file `<run>.alt` holds the tokens' alternatives, so that opening a run does not read
 * them. It has one JSON line per batch, `{"segment","index","alternatives":[[...]|null,...]}`. A
 * branch begins with `{"segment","parent","at"}`: its first `at` tokens are those of its parent.
 * `index` counts the tokens of the segment from 0, including those kept from the parent. Lines of
 * format 1 have `"path"` and `"version"` instead of `"segment"`, and a number as parent; one file
 * may contain both kinds.
 */
const Batch = z.object({ alternatives: z.array(z.array(Alternative).nullable()) })
const Kept = z.object({ segment: SegmentId, parent: SegmentId, at: z.int().min(0) })
const Kept1 = z.object({ path: z.int().min(1), parent: z.int().min(1), at: z.int().min(0) })

const HEAD = /^\{"segment":"([a-z]\d{1,7})","index":(\d{1,9}),/
const HEAD1 = /^\{"path":(\d{1,7}),"version":(\d{1,7}),"index":(\d{1,9}),/

/**
 * Writes alternatives as events pass, and counts tokens to know the index of each. The file is
 * created with the first alternatives.
 */
export class AlternativesWriter {
  readonly #path: string
  readonly #counts = new Map<SegmentId, number>()
  #file: AppendFile | undefined

  constructor(path: string) {
    this.#path = path
    if (existsSync(path)) this.#file = new AppendFile(path, wholeLines(path))
  }

  /** Counts an event that is already in the transcript, without writing anything. */
  skip(event: RunEvent): void {
    if (event.type === 'segment-started' && event.source.type === 'branch')
      this.#counts.set(event.segment, event.source.at as number)
    if (event.type === 'tokens') this.#count(event.segment, event.tokens.length)
  }

  write(event: RunEvent): void {
    if (event.type === 'segment-started' && event.source.type === 'branch') {
      this.skip(event)
      const { of: parent, at } = event.source
      if (this.#file !== undefined) this.#line({ segment: event.segment, parent, at })
    }
    if (event.type !== 'tokens') return
    const { segment, tokens } = event
    const index = this.#count(segment, tokens.length)
    if (tokens.every((token) => token.alternatives === undefined)) return
    const alternatives = tokens.map((token) => token.alternatives ?? null)
    this.#line({ segment, index, alternatives })
  }

  close(): void {
    this.#file?.close()
  }

  #count(segment: SegmentId, added: number): number {
    const index = this.#counts.get(segment) ?? 0
    this.#counts.set(segment, index + added)
    return index
  }

  #line(value: unknown): void {
    this.#file ??= new AppendFile(this.#path)
    this.#file.append(JSON.stringify(value) + '\n')
  }
}

/** One line of the file: tokens from `index` of one segment are at bytes [start, end). */
interface Place {
  index: number
  start: number
  end: number
}

/**
 * Finds alternatives by token. The first lookup indexes the lines of the file; later lookups index
 * only lines that were added.
 */
export class AlternativesReader {
  readonly #file: string
  #read = 0
  readonly #places = new Map<SegmentId, Place[]>()
  readonly #parents = new Map<SegmentId, { parent: SegmentId; at: number }>()

  constructor(file: string) {
    this.#file = file
  }

  /** Returns the alternatives of `count` tokens from `index`; null where none were recorded. */
  get(segment: SegmentId, index: number, count: number): (Alternative[] | null)[] {
    if (!existsSync(this.#file)) return Array.from({ length: count }, () => null)
    for (const lines of readLines(this.#file, Infinity, this.#read)) {
      for (const line of lines) this.#note(line)
    }
    const lines = new Map<Place, (Alternative[] | null)[]>()
    return Array.from({ length: count }, (_, i) => {
      const place = this.#find(segment, index + i)
      if (place === undefined) return null
      if (!lines.has(place)) lines.set(place, this.#load(place))
      return lines.get(place)![index + i - place.index] ?? null
    })
  }

  #note(line: Line): void {
    const start = this.#read
    this.#read = line.end
    const head = headOf(line.text)
    if (head !== null) {
      const { segment, index } = head
      const places = this.#places.get(segment) ?? []
      // Indexes rise within a segment. A line with a lower index replaces earlier ones, whose
      // events were lost with a torn transcript.
      while (places.length > 0 && places.at(-1)!.index >= index) places.pop()
      places.push({ index, start, end: line.end })
      this.#places.set(segment, places)
      return
    }
    const kept = keptIn(parse(line.text))
    if (kept !== undefined) this.#parents.set(kept.segment, kept)
  }

  /**
   * Returns the line that may hold a token: the last of its segment that begins at or before the
   * token.
   */
  #find(segment: SegmentId, index: number): Place | undefined {
    for (let depth = 0; depth <= this.#parents.size; depth++) {
      const kept = this.#parents.get(segment)
      if (kept === undefined || index >= kept.at) break
      segment = kept.parent
    }
    const places = this.#places.get(segment) ?? []
    return places[countLeading(places, (place) => place.index <= index) - 1]
  }

  #load(place: Place): (Alternative[] | null)[] {
    const line = firstLine(this.#file, place.end, place.start)
    const batch = Batch.safeParse(parse(line?.text ?? ''))
    return batch.success ? batch.data.alternatives : []
  }
}

/** Returns the segment and index of a batch in either format. */
function headOf(line: string): { segment: SegmentId; index: number } | null {
  const head = HEAD.exec(line)
  if (head !== null) return { segment: head[1]!, index: Number(head[2]) }
  const old = HEAD1.exec(line)
  if (old === null) return null
  return { segment: segmentOf1(Number(old[1]), Number(old[2])), index: Number(old[3]) }
}

function keptIn(value: unknown): z.infer<typeof Kept> | undefined {
  const kept = Kept.safeParse(value)
  if (kept.success) return kept.data
  const old = Kept1.safeParse(value)
  if (!old.success) return undefined
  const { path, parent, at } = old.data
  return { segment: segmentOf1(path), parent: segmentOf1(parent), at }
}

/** Returns the number of bytes up to and including the last newline. */
function wholeLines(file: string): number {
  let end = 0
  for (const lines of readLines(file)) end = lines.at(-1)!.end
  return end
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
