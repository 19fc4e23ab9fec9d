import type { EventDraft, RunEvent } from '../../engine/protocol/events.ts'
import {
  applyEvent,
  EMPTY_RUN,
  allSegments,
  isOpen,
  segmentOf,
  type RunState,
} from '../../engine/protocol/fold.ts'
import type { ForkMarks } from '../../engine/protocol/forks.ts'
import type { RunRequest, RunSettings } from '../../engine/protocol/request.ts'
import { roleOf, type SegmentId } from '../../engine/protocol/segments.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'
import {
  obey,
  STRATEGIES,
  type Action,
  type Obeyed,
  type Compare,
  type OpenReader,
  type Probing,
  type View,
} from '../../engine/strategies/index.ts'
import type { Random } from '../support/random.ts'

/**
 * Carries out the actions of a strategy without an engine: writes the events that the driver would. Segments take tokens
 * and end in a random order.
 */
export class Simulator {
  readonly settings: RunSettings
  readonly events: RunEvent[] = []
  state: RunState = EMPTY_RUN
  pending: OpenReader[] = []
  /** Questions that a test answers with `probed`. */
  probing: Probing[] = []
  /** The comparison that was asked for; `compared` carries it out. */
  comparing: Compare | null = null
  later = false
  /** Whether the strategy has finished. */
  finished = false
  readonly #trained: boolean
  readonly #random: Random

  constructor(asked: RunRequest['settings'], trained: boolean, random: Random, forks?: ForkMarks) {
    this.settings = resolveSettings(asked, { metadata: {}, nativePaths: trained ? 64 : 0 })
    this.#trained = trained
    this.#random = random
    this.emit({
      type: 'run-started',
      format: 2,
      run: 'r',
      time: '',
      problem: 'p',
      settings: this.settings,
      model: {
        address: { file: 'm' },
        name: 'm',
        nativePaths: trained ? 64 : 0,
        thoughtRows: 0,
        ...(forks !== undefined && { forks }),
      },
      engine: { version: '', llama: '', device: 'cpu', options: this.settings.engine },
      promptTokens: [1],
      fusion: trained ? 'cache' : 'reread',
    })
  }

  get view(): View {
    const { settings, state, pending, later, comparing } = this
    const trained = this.#trained
    const { probing } = this
    return { settings, trained, state, pending, probing, later, comparing: comparing !== null }
  }

  get open(): SegmentId[] {
    return allSegments(this.state)
      .filter(isOpen)
      .map(({ segment }) => segment)
  }

  emit(draft: EventDraft): void {
    const event = { ...draft, at: this.events.length } as RunEvent
    this.events.push(event)
    this.state = applyEvent(this.state, event)
  }

  ask(): Action[] {
    return STRATEGIES[this.settings.strategy].next(this.view)
  }

  /** Asks the strategy and carries out its actions until it returns none. */
  advance(): void {
    for (let asked = 0; ; asked++) {
      if (asked > 20) throw new Error('the strategy never waits')
      const actions = this.ask()
      for (const action of actions) this.carry(action)
      if (actions.some(({ type }) => type === 'finish')) {
        this.finished = true
        return
      }
      if (actions.length === 0) break
    }
    this.#openPending()
  }

  command(command: Parameters<typeof obey>[0]): Obeyed {
    const obeyed = obey(command, this.view, { paths: 253, vocabulary: 100 })
    if (obeyed.later === true) this.later = true
    this.finished = false
    for (const action of obeyed.actions) this.carry(action)
    this.#openPending()
    return obeyed
  }

  /** Lets a random open segment take a token or end; then asks the strategy. */
  step(): void {
    const segment = this.open[this.#random.int(this.open.length)]
    if (segment !== undefined) {
      const { tokens, budget } = segmentOf(this.state, segment)!
      if (tokens.length >= budget) this.end(segment, 'budget')
      else if (tokens.length > 0 && this.#random.next() < 0.2)
        this.end(segment, 'finished', this.#anyVerdict(segment))
      else this.token(segment)
    }
    this.advance()
  }

  token(segment: SegmentId): void {
    this.emit({
      type: 'tokens',
      segment,
      tokens: [{ id: 1, text: 'x', logprob: null, entropy: null }],
    })
  }

  /** Lets a path write a text of one token a character, and then a token. */
  write(segment: SegmentId, text: string, id: number): void {
    const token = (id: number, text: string) => ({ id, text, logprob: null, entropy: null })
    this.emit({
      type: 'tokens',
      segment,
      tokens: [...[...text].map((one) => token(1, one)), token(id, '')],
    })
  }

  /** Ends a segment. The answer of a judge is the address of what it prefers. */
  end(segment: SegmentId, reason: 'budget' | 'finished' | 'failed', answer?: string): void {
    const kind = roleOf(segment) === 'judge' ? 'verdict' : 'boxed'
    this.emit({
      type: 'segment-ended',
      segment,
      reason,
      answer: answer === undefined ? null : { text: answer, span: [0, 0], kind },
    })
  }

  #anyVerdict(segment: SegmentId): string | undefined {
    const { role, reads } = segmentOf(this.state, segment)!
    return role === 'judge' ? reads[this.#random.int(3)] : undefined
  }

  /** Answers the question that a path was asked. */
  probed(segment: SegmentId, answer: string | null): void {
    const { after } = this.probing.find((one) => one.segment === segment)!
    this.probing = this.probing.filter((one) => one.segment !== segment)
    this.emit({ type: 'probe', segment, after, answer, tokens: 9 })
  }

  /** Ends the comparison that was asked for: this program won, or nobody did. */
  compared(winner: number | null): void {
    const { of, probe } = this.comparing!
    this.comparing = null
    this.emit({
      type: 'agreement',
      of: [...of],
      ...(probe !== undefined && { probe }),
      function: 'f',
      calls: [],
      programs: [],
      winner,
      why: winner === null ? 'no-calls' : null,
    })
    this.advance()
  }

  carry(action: Action): void {
    switch (action.type) {
      case 'compare':
        this.comparing = action
        return
      case 'probe':
        this.probing.push({ segment: action.segment, after: action.after })
        return
      case 'open':
        if (action.role !== 'branch' && action.reads !== undefined)
          return void this.pending.push(action)
        return this.emit({
          type: 'segment-started',
          segment: action.segment,
          role: 'path',
          group: action.group,
          source:
            action.role === 'branch'
              ? { type: 'branch', of: action.of, at: action.at }
              : { type: 'prompt' },
          thought: 0,
          seed: action.seed,
          budget: action.budget,
          ...((action.forced?.length ?? 0) > 0 && { forced: [...action.forced!] }),
          ...(action.role === 'branch' && action.entry !== undefined && { entry: action.entry }),
        })
      case 'cut': {
        const waiting = this.pending.find(({ segment }) => segment === action.segment)
        if (waiting !== undefined) {
          this.pending = this.pending.filter((other) => other !== waiting)
          return
        }
        const one = segmentOf(this.state, action.segment)
        if (one === undefined || !isOpen(one)) throw new Error(`nothing to cut: ${action.segment}`)
        return this.emit({
          type: 'segment-ended',
          segment: action.segment,
          reason: action.reason,
          answer: null,
        })
      }
      case 'drop':
        return this.emit({ type: 'segment-dropped', segment: action.segment })
      case 'restore': {
        const { droppedAfter } = segmentOf(this.state, action.segment)!
        const reason = droppedAfter ?? 'stopped'
        return this.emit({ type: 'segment-ended', segment: action.segment, reason, answer: null })
      }
      case 'continue':
        return this.emit({
          type: 'segment-extended',
          segment: action.segment,
          budget: action.budget,
        })
      case 'notice':
        return this.emit({
          type: 'notice',
          code: action.code,
          ...(action.params && { params: action.params }),
        })
      case 'finish':
    }
  }

  /** Like the driver: opens a summary once all paths that it reads have ended, over those that remain. */
  #openPending(): void {
    for (const summary of [...this.pending]) {
      const reads = summary.reads.filter((segment) => {
        const one = segmentOf(this.state, segment)!
        return one.tokens.length > 0 && one.status !== 'dropped' && one.status !== 'failed'
      })
      if (summary.reads.some((segment) => this.open.includes(segment))) continue
      this.pending = this.pending.filter((other) => other !== summary)
      if (reads.length < (summary.role === 'judge' ? 2 : 1)) {
        if (summary.role === 'summary') this.emit({ type: 'notice', code: 'nothing-to-summarise' })
        continue
      }
      this.emit({
        type: 'segment-started',
        segment: summary.segment,
        role: summary.role,
        ...(summary.role !== 'probe' && summary.group !== undefined && { group: summary.group }),
        source: { type: 'join', layout: 'shared', parts: reads.map((segment) => ({ segment })) },
        thought: 0,
        seed: summary.seed,
        budget: summary.budget,
        ...(summary.role === 'path' && summary.forced && { forced: [...summary.forced] }),
      })
    }
  }
}
