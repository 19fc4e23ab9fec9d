import { setImmediate } from 'node:timers/promises'
import { allSegments, foldRun } from '../protocol/fold.ts'
import type { RunSummary } from '../protocol/wire.ts'
import type { Events } from './lines.ts'

export interface Hit {
  run: string
  snippet: string
}

const AROUND = 60
const MAX_HITS = 200
/** Limit, in UTF-16 units over all runs, of the texts cached between searches. */
const KEPT = 64 << 20

/**
 * Finds runs whose title, tags, problem and segments together contain every word of the query. Case
 * is ignored, and parts of words match, which also serves languages without spaces. Scans the
 * texts, so there is no index to build or to become outdated.
 */
export class RunSearch {
  readonly #texts = new Map<string, { stamp: string; text: string }>()
  readonly #read: (run: string) => Iterable<Events>

  constructor(read: (run: string) => Iterable<Events>) {
    this.#read = read
  }

  /**
   * Returns the hits in the order of `runs`. Yields between transcripts, so that live runs of this
   * process continue.
   */
  async find(query: string, runs: readonly RunSummary[]): Promise<Hit[]> {
    const words = query
      .normalize('NFC')
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word) => new RegExp(escape(word), 'iu'))
    const hits: Hit[] = []
    if (words.length === 0) return hits
    for (const summary of runs) {
      await setImmediate()
      const text = `${summary.title}\n${summary.tags.join(' ')}\n${this.#textOf(summary)}`
      const found = words.map((word) => word.exec(text))
      if (found.some((match) => match === null)) continue
      hits.push({ run: summary.run, snippet: snippet(text, found[0]!.index, found[0]![0].length) })
      if (hits.length === MAX_HITS) break
    }
    return hits
  }

  #textOf(summary: RunSummary): string {
    const stamp = `${summary.status} ${summary.tokens} ${summary.durationMs}`
    const known = this.#texts.get(summary.run)
    if (known?.stamp === stamp) return known.text
    let text: string
    try {
      const state = foldRun(events(this.#read(summary.run)))
      text = [state.problem, ...allSegments(state).map((segment) => segment.text)]
        .join('\n')
        .normalize('NFC')
    } catch {
      return summary.problem // Deleted or damaged since it was listed.
    }
    this.#texts.delete(summary.run)
    this.#texts.set(summary.run, { stamp, text })
    let size = 0
    for (const [run, one] of [...this.#texts].reverse()) {
      size += one.text.length
      if (size > KEPT && run !== summary.run) this.#texts.delete(run)
    }
    return text
  }
}

function* events(chunks: Iterable<Events>) {
  for (const chunk of chunks) yield* chunk.events
}

function escape(word: string): string {
  return word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

function snippet(text: string, at: number, length: number): string {
  const [from, to] = [Math.max(0, at - AROUND), Math.min(text.length, at + length + AROUND)]
  const part = text.slice(from, to).replace(/\s+/g, ' ').trim()
  return `${from > 0 ? '…' : ''}${part}${to < text.length ? '…' : ''}`
}
