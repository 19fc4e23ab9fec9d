import { z } from 'zod'
import { existsSync } from 'node:fs'
import { Alternative, SegmentId, type RunEvent } from '../protocol/events.ts'
import { AppendFile } from '../files/index.ts'
import { segmentOf1 } from './format1.ts'
import { firstLine, readLines, type Line } from './lines.ts'

/**
 * The side file `<run>.alt` holds the alternatives of the tokens, out of the way of opening a run. One JSON line per
 * batch, `{"segment","index","alternatives":[[...]|null,...]}`; a branch begins with `{"segment","parent","at"}`: its
 * first `at` tokens are its parent's. `index` counts the tokens of the segment from 0, kept ones included. Lines of
 * format 1 have `"path"` and `"version"` in place of `"segment"`, and a number as parent; one file may hold both.
 */
const Batch = z.object({ alternatives: z.array(z.array(Alternative).nullable()) })
const Kept = z.object({ segment: SegmentId, parent: SegmentId, at: z.int().min(0) })
const Kept1 = z.object({ path: z.int().min(1), parent: z.int().min(1), at: z.int().min(0) })

const HEAD = /^\{"segment":"([a-z]\d{1,7})","index":(\d{1,9}),/
const HEAD1 = /^\{"path":(\d{1,7}),"version":(\d{1,7}),"index":(\d{1,9}),/

/** Writes them as events pass, and counts tokens to know each one's index. A new file is made with the first of them. */
export class AlternativesWriter {
  readonly #path: string
  readonly #counts = new Map<SegmentId, number>()
  #file: AppendFile | undefined

  constructor(path: string) {
    this.#path = path
    if (existsSync(path)) this.#file = new AppendFile(path, wholeLines(path))
  }

  /** Takes an event that is already in the transcript: it counts and is not written. */
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

/** One line of the file: tokens [index, index + ...) of one segment stand at bytes [start, end). */
interface Place {
  index: number
  start: number
  end: number
}

/** Finds alternatives by token. The first look notes where each line stands, later ones only what was added. */
export class AlternativesReader {
  readonly #file: string
  #read = 0
  readonly #places = new Map<SegmentId, Place[]>()
  readonly #parents = new Map<SegmentId, { parent: SegmentId; at: number }>()

  constructor(file: string) {
    this.#file = file
  }

  /** Returns `count` of them from `index`; null where none was recorded. */
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
      // Lines of one segment follow one another; one that goes back replaces (its events were lost with a torn transcript).
      while (places.length > 0 && places.at(-1)!.index >= index) places.pop()
      places.push({ index, start, end: line.end })
      this.#places.set(segment, places)
      return
    }
    const kept = keptIn(parse(line.text))
    if (kept !== undefined) this.#parents.set(kept.segment, kept)
  }

  /** The line that may hold a token: the last one of its segment that does not begin behind it. */
  #find(segment: SegmentId, index: number): Place | undefined {
    for (let depth = 0; depth <= this.#parents.size; depth++) {
      const kept = this.#parents.get(segment)
      if (kept === undefined || index >= kept.at) break
      segment = kept.parent
    }
    const places = this.#places.get(segment) ?? []
    let [low, high] = [0, places.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (places[middle]!.index <= index) low = middle + 1
      else high = middle
    }
    return places[low - 1]
  }

  #load(place: Place): (Alternative[] | null)[] {
    const line = firstLine(this.#file, place.end, place.start)
    const batch = Batch.safeParse(parse(line?.text ?? ''))
    return batch.success ? batch.data.alternatives : []
  }
}

/** The segment and the index of a batch, in either form. */
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

/** Bytes up to the last newline. */
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
