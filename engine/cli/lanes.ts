import { createLogUpdate } from 'log-update'
import stringWidth from 'string-width'
import { tokensPerSecond, type RunState, type Segment } from '../protocol/fold.ts'
import { printable } from '../protocol/controls.ts'

const FRAME_MS = 100

/** Shows a run in progress in a terminal: one line per segment, redrawn ten times per second. */
export class Lanes {
  readonly #terminal: { columns: number; rows: number }
  readonly #draw: ReturnType<typeof createLogUpdate>
  #state: RunState | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(stream: NodeJS.WriteStream) {
    // A terminal that does not know its size reports 0 by 0.
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

  /** Draws the last frame and leaves it on the screen. */
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

/** Returns at most `rows` lines of at most `columns` cells. */
export function laneLines(state: RunState, columns: number, rows: number): string[] {
  const grouped = state.paths.some(({ group }) => group !== null && group > 1)
  const segments = [...state.paths, ...state.others, ...state.summaries]
  const lines = segments.map((one) => lane(nameOf(one, grouped), one, columns))
  if (lines.length <= rows) return lines
  // Prefer paths that are still thinking, and summaries, over paths that ended.
  const order = [...segments.keys()]
    .sort((a, b) => rank(segments[a]!) - rank(segments[b]!))
    .slice(0, rows - 1)
    .sort((a, b) => a - b)
  return [...order.map((i) => lines[i]!), `… ${lines.length - order.length} more`]
}

/** Returns `3`, or `2.3` where there are several groups; a summary is `=`, or `=2`. */
function nameOf({ role, number, group }: Segment, grouped: boolean): string {
  if (role === 'summary') return grouped ? `=${number}` : '='
  if (role !== 'path') return `${role[0]}${number}`
  return grouped ? `${group ?? ''}.${number}` : String(number)
}

const rank = ({ status, role }: Segment): number =>
  status === 'thinking' || role === 'summary' ? 0 : 1

function lane(name: string, segment: Segment, columns: number): string {
  const speed = tokensPerSecond(segment)
  const count = `${String(segment.tokens.length).padStart(5)}/${segment.budget}`
  const rate = speed === null ? '' : speed.toFixed(1)
  const head = `${name.padStart(3)} ${segment.status.padEnd(11)} ${count} ${rate.padStart(6)} tok/s  `
  return head.slice(0, columns) + tail(segment.text, Math.max(0, columns - stringWidth(head) - 1))
}

/** Returns the end of a text on one line, at most `width` terminal cells wide. */
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
