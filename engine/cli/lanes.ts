import { createLogUpdate } from 'log-update'
import stringWidth from 'string-width'
import { tokensPerSecond, type RunState, type Stream } from '../protocol/fold.ts'
import { printable } from './usage.ts'

const FRAME_MS = 100

/** A run as it goes on, in a terminal: one line a path, and the summary, redrawn ten times a second. */
export class Lanes {
  readonly #terminal: { columns: number; rows: number }
  readonly #draw: ReturnType<typeof createLogUpdate>
  #state: RunState | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(stream: NodeJS.WriteStream) {
    // One that does not know its size says 0 by 0.
    const terminal = {
      get columns() {
        return stream.columns || 80
      },
      get rows() {
        return stream.rows || 24
      },
      write: (text: string) => stream.write(text),
    }
    this.#terminal = terminal
    this.#draw = createLogUpdate(terminal as NodeJS.WriteStream)
  }

  show(state: RunState): void {
    this.#state = state
    this.#timer ??= setTimeout(() => this.#frame(), FRAME_MS)
  }

  /** Leaves the last frame where it is. */
  done(): void {
    clearTimeout(this.#timer)
    this.#frame()
    this.#draw.done()
  }

  #frame(): void {
    this.#timer = undefined
    if (this.#state === undefined) return
    const { columns, rows } = this.#terminal
    this.#draw(laneLines(this.#state, columns, rows - 1).join('\n'))
  }
}

/** At most `rows` lines of at most `columns` cells. */
export function laneLines(state: RunState, columns: number, rows: number): string[] {
  const groups = new Set(state.paths.map((path) => path.group)).size
  const lines = state.paths.map((path) =>
    lane(groups > 1 ? `${path.group}.${path.path}` : String(path.path), path, path.budget, columns),
  )
  for (const summary of state.summaries)
    lines.push(
      lane(
        groups > 1 ? `=${summary.version}` : '=',
        summary,
        state.settings?.summaryBudget ?? 0,
        columns,
      ),
    )
  if (lines.length <= rows) return lines
  // The paths that still think and the summary are worth more than those that ended.
  const order = [...lines.keys()]
    .sort((a, b) => rank(state, a) - rank(state, b))
    .slice(0, rows - 1)
    .sort((a, b) => a - b)
  return [...order.map((i) => lines[i]!), `… ${lines.length - order.length} more`]
}

function rank(state: RunState, line: number): number {
  const stream = state.paths[line] ?? state.summaries[line - state.paths.length]
  return stream?.status === 'thinking' || line >= state.paths.length ? 0 : 1
}

function lane(name: string, stream: Stream, budget: number, columns: number): string {
  const speed = tokensPerSecond(stream)
  const head = `${name.padStart(3)} ${stream.status.padEnd(11)} ${String(stream.tokens.length).padStart(5)}/${budget} ${speed === null ? ''.padStart(6) : speed.toFixed(1).padStart(6)} tok/s  `
  return head.slice(0, columns) + tail(stream.text, Math.max(0, columns - stringWidth(head) - 1))
}

/** The end of a text on one line, at most so many terminal cells wide. */
export function tail(text: string, width: number): string {
  const line = printable(text.slice(-4 * width - 64))
    .replace(/\s+/g, ' ')
    .trimEnd()
  const parts = [...new Intl.Segmenter().segment(line)].map(({ segment }) => segment)
  let used = 0
  let start = parts.length
  while (start > 0 && used + stringWidth(parts[start - 1]!) <= width)
    used += stringWidth(parts[--start]!)
  return parts.slice(start).join('')
}
