import { countedPaths, spokenText, spokesman, votesOverPaths } from '../protocol/deciding.ts'
import { framedText } from '../protocol/frame.ts'
import { isOpen, segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import { numberOf, roleOf, type SegmentId } from '../protocol/segments.ts'
import { pathsOf, shapeOf, type Shape } from '../protocol/shapes.ts'
import { Answer } from './answer.ts'
import { Thoughts, type Voice } from './thoughts.ts'

/** What a choice adds at once. */
export interface Delta {
  reasoning: string
  content: string
  /** The segment that the content is from, and its tokens. */
  segment: SegmentId | null
  tokens: readonly number[]
}

export type FinishReason = 'stop' | 'length'

/**
 * One choice of a response, as its run grows: the paths are its reasoning, and what answers is its
 * content. Content is passed on while it is written if it is certain to be the answer: that of a
 * single path, or of the summary of all paths. Otherwise it comes at the end.
 */
export class Choice {
  readonly #options: { stops: readonly string[]; raw: boolean }
  readonly #thoughts = new Thoughts()
  #answer: Answer
  /** The segment that answers, once that is certain. */
  #answering: SegmentId | null = null

  constructor(options: { stops: readonly string[]; raw: boolean }) {
    this.#options = options
    this.#answer = new Answer(options)
  }

  /** A stop text has come, so the run can be ended. */
  get stopped(): boolean {
    return this.#answer.stopped
  }

  /** Tokens of the answer so far. */
  get tokens(): number {
    return this.#answer.count
  }

  /** Returns what a state adds. */
  next(state: RunState): Delta {
    const shape = shapeIn(state)
    if (shape === null) return NOTHING
    this.#answering ??= certainly(state, shape)
    const answering = this.#answering === null ? undefined : segmentOf(state, this.#answering)
    const { content, tokens } =
      answering === undefined ? NOTHING : this.#answer.next(answering, this.#markers(state))
    const all = this.#answer.begun
    const reasoning = this.#thoughts.next(this.#voices(state, shape), all)
    return { reasoning, content, tokens, segment: this.#answering }
  }

  /** Returns what the state of an ended run adds. */
  end(state: RunState): Delta {
    const delta = this.next(state)
    const shape = shapeIn(state)
    if (shape === null || this.#answer.begun || this.#answer.stopped) return delta
    const segment = spokesman(state) ?? countedPaths(state).find(({ text }) => text !== '')
    if (segment === undefined) return delta
    if (this.#answering !== null) this.#answer = new Answer(this.#options)
    const said = this.#answer.next(segment, this.#markers(state))
    // A thought that was never closed is all that a path of a vote says.
    const content = said.content || (this.#answering === null ? spokenText(segment, state) : '')
    this.#answering = segment.segment
    const rest = this.#thoughts.next(this.#voices(state, shape), true)
    return {
      reasoning: delta.reasoning + rest,
      content,
      tokens: said.tokens,
      segment: segment.segment,
    }
  }

  /** Returns how an ended run's answer ended. */
  reason(state: RunState): FinishReason {
    const segment = this.#answering === null ? undefined : segmentOf(state, this.#answering)
    const cut = segment?.reason === 'budget' || segment?.reason === 'overflow'
    return cut && !this.stopped ? 'length' : 'stop'
  }

  #markers({ thought }: RunState): RunState['thought'] {
    return this.#options.raw ? null : thought
  }

  /** Returns the texts of the reasoning: paths, summaries that do not answer, and the answer's thought. */
  #voices(state: RunState, shape: Shape): Voice[] {
    const several = pathsOf(shape) > 1 || state.paths.length > 1
    return [...state.paths, ...state.summaries].flatMap((segment) => {
      const answers = segment.segment === this.#answering
      const single = !several && roleOf(segment.segment) === 'path'
      // A path that answers by itself and was shown before stays in the reasoning.
      const text =
        answers && (single || isSummary(segment)) ? this.#answer.thought : framedText(segment)
      return [
        {
          segment: segment.segment,
          title: single ? null : titleOf(segment),
          text,
          ended: !isOpen(segment),
        },
      ]
    })
  }
}

const NOTHING: Delta = { reasoning: '', content: '', segment: null, tokens: [] }

const isSummary = ({ segment }: Segment): boolean => roleOf(segment) === 'summary'

const titleOf = ({ segment }: Segment): string =>
  `${roleOf(segment) === 'path' ? 'Path' : 'Summary'} ${numberOf(segment)}`

const isTrained = ({ model }: RunState): boolean => (model?.nativePaths ?? 0) > 0

const shapeIn = (state: RunState): Shape | null =>
  state.settings === null ? null : shapeOf(state.settings, isTrained(state))

/** Returns the segment that will answer, whatever follows; null if that is not certain. */
function certainly(state: RunState, shape: Shape): SegmentId | null {
  const { settings, paths, summaries } = state
  if (shape.groups > 1 || settings?.strategy === 'fork-join') return null
  if (pathsOf(shape) === 1 && !shape.summaries) return paths[0]?.segment ?? null
  // A summary that states no value leaves the answer to a vote of its paths.
  const [summary] = summaries
  return summary === undefined || votesOverPaths(state, isTrained(state)) ? null : summary.segment
}
