import type { RunEvent } from '../protocol/events.ts'
import type { RunSummary } from '../protocol/wire.ts'

/** What a transcript says of itself in the history, without its title, star and tags. */
export type Digest = Omit<RunSummary, 'run' | 'title' | 'starred' | 'tags'>

const MAX_PROBLEM = 2000

/** Folds a run into its line of the history, keeping no text. */
export class SummaryBuilder {
  #digest: Digest = {
    problem: '', model: '', strategy: '', paths: 0, answer: null, status: 'running', time: '', durationMs: 0, tokens: 0,
  }

  #since = 0
  #ranMs = 0

  add(event: RunEvent): void {
    const digest = this.#digest
    const ran = digest.status === 'running'
    switch (event.type) {
      case 'run-started':
        digest.problem = event.problem.slice(0, MAX_PROBLEM)
        digest.model = event.model.name
        digest.strategy = event.settings.strategy
        digest.time = event.time
        break
      case 'path-started':
        digest.paths++
        digest.status = 'running'
        break
      case 'tokens':
        digest.tokens += event.tokens.length
        digest.status = 'running'
        break
      case 'path-extended':
      case 'joined':
      case 'summary-started':
        digest.status = 'running'
        break
      case 'vote':
        if (event.override === true) digest.answer = event.classes[event.winner]?.answer ?? digest.answer
        break
      case 'run-ended':
        digest.status = 'ended'
        digest.answer = event.answer
        break
      case 'run-failed':
        digest.status = 'failed'
        break
    }
    // Between an end and a command it does not run.
    const runs = digest.status === 'running'
    if (runs && !ran) this.#since = event.at
    if (event.type === 'run-ended') this.#ranMs = event.timings.totalMs
    else if (ran && !runs) this.#ranMs += Math.max(0, event.at - this.#since)
    digest.durationMs = runs ? Math.max(digest.durationMs, this.#ranMs + event.at - this.#since) : this.#ranMs
  }

  /** `live`: something writes the run; otherwise a run without an end is interrupted. */
  digest(live: boolean): Digest {
    const status = this.#digest.status === 'running' && !live ? 'interrupted' : this.#digest.status
    return { ...this.#digest, status }
  }
}
