import { fail } from '../protocol/errors.ts'
import { searchWords } from '../protocol/search-words.ts'
import type { RunSummary, Search } from '../protocol/wire.ts'
import type { Events } from './lines.ts'
import { OutOfTime, Slices, type SliceOptions } from './slices.ts'
import { Texts } from './texts.ts'

const AROUND = 60
const MAX_HITS = 200
/** Limit, in UTF-16 units over all runs, of the texts cached between searches. */
const KEPT = 64 << 20
/** The most ms of work on one run. Reading takes about a second per 30 MB, more on a busy machine. */
const LIMIT_MS = 10_000
/** For how many ms a run that took too long is not tried again. */
const RETRY_MS = 60_000

/** What is kept of a run: its texts in pieces, or until when it is not read again. */
type Known = { stamp: string; size: number; pieces: readonly string[] | { until: number } }

/**
 * Finds runs whose title, tags, problem and segments together contain every word of the query. Case
 * is ignored, and parts of words match, which also serves languages without spaces. Scans the
 * texts, so there is no index to build or to become outdated.
 */
export class RunSearch {
  readonly #texts = new Map<string, Known>()
  readonly #read: (run: string) => Iterable<Events>

  constructor(read: (run: string) => Iterable<Events>) {
    this.#read = read
  }

  /**
   * Returns the hits in the order of `runs`, and the runs that were not searched. Works in slices, so
   * that the process serves others meanwhile. Throws the reason of `signal`.
   */
  async find(
    query: string,
    runs: readonly RunSummary[],
    options: SliceOptions = {},
  ): Promise<Search> {
    const words = searchWords(query)
    const result: Search = { hits: [], skipped: [] }
    if (words.length === 0) return result
    const slices = new Slices(options)
    for (const summary of runs) {
      const { run } = summary
      slices.limit(LIMIT_MS)
      try {
        const found = await this.#match(summary, words, slices)
        if (found === null) continue
        result.hits.push({ run, snippet: found })
        if (result.hits.length === MAX_HITS) break
      } catch (error) {
        options.signal?.throwIfAborted()
        result.skipped.push({ run, why: error instanceof OutOfTime ? 'slow' : 'damaged' })
      }
    }
    return result
  }

  /** Returns a snippet if the run contains every word. */
  async #match(
    summary: RunSummary,
    words: readonly RegExp[],
    slices: Slices,
  ): Promise<string | null> {
    const { title, tags, damage } = summary
    if (damage !== undefined) throw fail('bad-transcript/file', { reason: damage })
    const [first, ...others] = await this.#piecesOf(summary, slices)
    let missing = words
    let found: string | null = null
    for (const piece of [`${title}\n${tags.join(' ')}\n${first}`, ...others]) {
      const left: RegExp[] = []
      for (const word of missing) {
        const match = word.exec(piece)
        if (match === null) left.push(word)
        else if (word === words[0]) found = snippet(piece, match.index, match[0].length)
        await slices.pause()
      }
      missing = left
      if (missing.length === 0) return found
    }
    return null
  }

  async #piecesOf(summary: RunSummary, slices: Slices): Promise<readonly string[]> {
    const { run } = summary
    const stamp = `${summary.status} ${summary.tokens} ${summary.durationMs}`
    const known = this.#texts.get(run)
    if (known?.stamp === stamp) {
      if (!('until' in known.pieces)) return known.pieces
      if (Date.now() < known.pieces.until) throw new OutOfTime()
    }
    try {
      const pieces = await piecesIn(this.#read(run), slices)
      this.#keep(run, { stamp, size: pieces.reduce((sum, { length }) => sum + length, 0), pieces })
      return pieces
    } catch (error) {
      if (error instanceof OutOfTime)
        this.#keep(run, { stamp, size: 0, pieces: { until: Date.now() + RETRY_MS } })
      throw error
    }
  }

  #keep(run: string, known: Known): void {
    this.#texts.delete(run)
    this.#texts.set(run, known)
    let size = 0
    for (const [other, one] of [...this.#texts].reverse()) {
      size += one.size
      if (size > KEPT && other !== run) this.#texts.delete(other)
    }
  }
}

/** Reads the texts of a run. */
async function piecesIn(chunks: Iterable<Events>, slices: Slices): Promise<string[]> {
  const texts = new Texts()
  for (const { events } of chunks) {
    for (const event of events) texts.add(event)
    await slices.pause()
  }
  const pieces: string[] = []
  for (const piece of texts.pieces()) {
    pieces.push(piece.normalize('NFC'))
    await slices.pause()
  }
  return pieces
}

function snippet(text: string, at: number, length: number): string {
  const [from, to] = [Math.max(0, at - AROUND), Math.min(text.length, at + length + AROUND)]
  const part = text.slice(from, to).replace(/\s+/g, ' ').trim()
  return `${from > 0 ? '…' : ''}${part}${to < text.length ? '…' : ''}`
}
