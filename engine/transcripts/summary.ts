import type { RunEvent } from '../protocol/events.ts'
import { ranUntil } from '../protocol/run-state.ts'
import type { RunSummary } from '../protocol/wire.ts'

/** What a transcript says of itself in the history, without its title, star and tags. */
export type Digest = Omit<RunSummary, 'run' | 'title' | 'starred' | 'tags'>

const MAX_PROBLEM = 2000

/** Folds a run into its line of the history, keeping no text. */
export class SummaryBuilder {
  #digest: Digest = {
    problem: '',
    model: '',
    strategy: '',
    paths: 0,
    answer: null,
    status: 'running',
    time: '',
    durationMs: 0,
    tokens: 0,
  }

  /** How long it ran, as a run's state has it. */
  #clock: Parameters<typeof ranUntil>[0] = { status: 'running', since: 0, ranMs: 0 }

  add(event: RunEvent): void {
    const digest = this.#digest
    switch (event.type) {
      case 'run-started':
        digest.problem = event.problem.slice(0, MAX_PROBLEM)
        digest.model = event.model.name
        digest.strategy = event.settings.strategy
        digest.time = event.time
        break
      case 'segment-started':
        if (event.role === 'path') digest.paths++
        digest.status = 'running'
        break
      case 'tokens':
        digest.tokens += event.tokens.length
        digest.status = 'running'
        break
      case 'segment-extended':
        digest.status = 'running'
        break
      case 'vote':
        if (event.chosen !== undefined)
          digest.answer = event.classes[event.winner]?.answer ?? digest.answer
        break
      case 'run-ended':
        digest.status = 'ended'
        digest.answer = event.answer
        break
      case 'run-failed':
        digest.status = 'failed'
        break
    }
    const clock = this.#clock
    const running = digest.status === 'running'
    this.#clock = {
      status: running ? 'running' : 'ended',
      since: running && clock.status !== 'running' ? event.at : clock.since,
      ranMs:
        event.type === 'run-ended'
          ? event.timings.totalMs
          : running
            ? clock.ranMs
            : ranUntil(clock, event.at),
    }
    digest.durationMs = Math.max(running ? digest.durationMs : 0, ranUntil(this.#clock, event.at))
  }

  /** `live`: something writes the run; otherwise a run without an end is interrupted. */
  digest(live: boolean): Digest {
    const status = this.#digest.status === 'running' && !live ? 'interrupted' : this.#digest.status
    return { ...this.#digest, status }
  }
}
