import { z } from 'zod'
import { existsSync } from 'node:fs'
import { Alternative, type RunEvent } from '../protocol/events.ts'
import { AppendFile } from '../files/disk.ts'
import { readLines, type Line } from './lines.ts'

/**
 * The side file `<run>.alt`: the alternatives of the tokens, out of the way of opening a run. One JSON line a batch,
 * `{"path","version","index","alternatives":[[...]|null,...]}`; a branch begins with `{"path","parent","at"}`: its
 * first `at` tokens are its parent's. `index` counts the tokens of the path or summary from 0, kept ones included.
 */
const Batch = z.object({
  path: z.int().min(0),
  version: z.int().min(0),
  index: z.int().min(0),
  alternatives: z.array(z.array(Alternative).nullable()),
})
const Kept = z.object({ path: z.int().min(1), parent: z.int().min(1), at: z.int().min(0) })

const HEAD = /^\{"path":(\d{1,9}),"version":(\d{1,9}),"index":(\d{1,9}),/

const key = (path: number, version: number) => (path > 0 ? `${path}` : `s${version}`)

/** Writes them as events pass, and counts tokens to know each one's index. A new file is made with the first of them. */
export class AlternativesWriter {
  readonly #path: string
  readonly #counts = new Map<string, number>()
  #file: AppendFile | undefined

  constructor(path: string) {
    this.#path = path
    if (existsSync(path)) this.#file = new AppendFile(path, wholeLines(path))
  }

  /** Takes an event that is already in the transcript: it counts and is not written. */
  skip(event: RunEvent): void {
    if (event.type === 'path-started' && event.parent !== undefined)
      this.#counts.set(key(event.path, 0), event.parent.at)
    if (event.type === 'tokens') this.#count(event.path, event.version ?? 1, event.tokens.length)
  }

  write(event: RunEvent): void {
    if (event.type === 'path-started' && event.parent !== undefined) {
      this.skip(event)
      const { path: parent, at } = event.parent
      if (this.#file !== undefined) this.#line({ path: event.path, parent, at })
    }
    if (event.type !== 'tokens') return
    const version = event.version ?? 1
    const index = this.#count(event.path, version, event.tokens.length)
    if (event.tokens.every((token) => token.alternatives === undefined)) return
    const alternatives = event.tokens.map((token) => token.alternatives ?? null)
    this.#line({ path: event.path, version, index, alternatives })
  }

  close(): void {
    this.#file?.close()
  }

  #count(path: number, version: number, added: number): number {
    const index = this.#counts.get(key(path, version)) ?? 0
    this.#counts.set(key(path, version), index + added)
    return index
  }

  #line(value: unknown): void {
    this.#file ??= new AppendFile(this.#path)
    this.#file.append(JSON.stringify(value) + '\n')
  }
}

/** One line of the file: tokens [index, index + ...) of one list stand at bytes [start, end). */
interface Place {
  index: number
  start: number
  end: number
}

/** Finds alternatives by token. The first look notes where each line stands, later ones only what was added. */
export class AlternativesReader {
  readonly #file: string
  #read = 0
  readonly #places = new Map<string, Place[]>()
  readonly #parents = new Map<number, { parent: number; at: number }>()

  constructor(file: string) {
    this.#file = file
  }

  /** `count` of them from `index`; null where none was recorded. */
  get(path: number, version: number, index: number, count: number): (Alternative[] | null)[] {
    if (!existsSync(this.#file)) return Array.from({ length: count }, () => null)
    for (const lines of readLines(this.#file, Infinity, this.#read)) {
      for (const line of lines) this.#note(line)
    }
    const lines = new Map<Place, (Alternative[] | null)[]>()
    return Array.from({ length: count }, (_, i) => {
      const place = this.#find(path, version, index + i)
      if (place === undefined) return null
      if (!lines.has(place)) lines.set(place, this.#load(place))
      return lines.get(place)![index + i - place.index] ?? null
    })
  }

  #note(line: Line): void {
    const start = this.#read
    this.#read = line.end
    const head = HEAD.exec(line.text)
    if (head !== null) {
      const name = key(Number(head[1]), Number(head[2]))
      const places = this.#places.get(name) ?? []
      const index = Number(head[3])
      // Lines of one list follow one another; one that goes back replaces (its events were lost with a torn transcript).
      while (places.length > 0 && places.at(-1)!.index >= index) places.pop()
      places.push({ index, start, end: line.end })
      this.#places.set(name, places)
      return
    }
    const kept = Kept.safeParse(parse(line.text))
    if (kept.success) this.#parents.set(kept.data.path, kept.data)
  }

  /** The line that may hold a token: the last one of its list that does not begin behind it. */
  #find(path: number, version: number, index: number): Place | undefined {
    for (let depth = 0; depth <= this.#parents.size; depth++) {
      const kept = this.#parents.get(path)
      if (kept === undefined || index >= kept.at) break
      path = kept.parent
    }
    const places = this.#places.get(key(path, version)) ?? []
    let [low, high] = [0, places.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (places[middle]!.index <= index) low = middle + 1
      else high = middle
    }
    return places[low - 1]
  }

  #load(place: Place): (Alternative[] | null)[] {
    const [line] = readLines(this.#file, place.end, place.start).next().value ?? []
    const batch = Batch.safeParse(parse(line?.text ?? ''))
    return batch.success ? batch.data.alternatives : []
  }
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
