import { ChevronRight } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { Segment } from '../../engine/protocol/fold.ts'
import { forksText } from '../../engine/protocol/shapes.ts'
import { thoughtIn } from '../../engine/protocol/thoughts.ts'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { useShown } from '../store/runs.ts'

/** The thought of a text, which is folded once its answer begins. */
export interface ThoughtFold {
  /** Where the shown part of the text begins. */
  start: number
  /** The marker between an unfolded thought and the answer, and the space behind it; null if it is not in the text. */
  marker: readonly [number, number] | null
  /** The model still thinks. */
  thinking: boolean
  /** Number of tokens of a thought that can be folded; null if there is none. */
  tokens: number | null
  folded: boolean
  toggle(): void
  /** Shows the thought. */
  open(): void
}

/** Returns what is shown of a segment's text, whose readable part is `frame`. */
export function useThoughtFold(
  run: string,
  stream: Segment | undefined,
  frame: { start: number; end: number },
): ThoughtFold {
  const markers = useShown(run, (s) => s.thought)
  const [unfolded, setUnfolded] = useState(false)
  const text = stream?.text ?? ''
  // The texts of a model that forks are parts of one thought; only the last one may close it.
  const part = useShown(run, forksText)
  const thought = useMemo(() => {
    const found = thoughtIn(text.slice(frame.start), markers)
    if (found === null || (part && found.answer === null)) return null
    const { start, end, answer } = found
    const from = frame.start
    return { start: from + start, end: from + end, answer: answer === null ? null : from + answer }
  }, [text, markers, part, frame.start])
  const answer = thought?.answer ?? null
  const closed = answer !== null && answer < frame.end
  const tokens = useMemo(
    () => (closed && stream !== undefined ? tokensUntil(stream, answer) : null),
    [closed, answer, stream?.segment],
  )
  const shown = thought?.start ?? frame.start
  return {
    start: closed && !unfolded ? answer : shown,
    marker: closed && unfolded ? [thought!.end, answer] : null,
    thinking: thought !== null && !closed,
    tokens,
    folded: !unfolded,
    toggle: () => setUnfolded(!unfolded),
    open: () => setUnfolded(true),
  }
}

/** Returns the number of tokens that begin before `offset`. */
function tokensUntil({ tokens }: Segment, offset: number): number {
  let [length, count] = [0, 0]
  for (const token of tokens) {
    if (length >= offset) break
    length += token.text.length
    count++
  }
  return count
}

/** The bar above a text that folds its thought, or says that the model still thinks. */
export function ThoughtBar({ fold }: { fold: ThoughtFold }) {
  const t = useT()
  const { thinking, tokens, folded, toggle } = fold
  if (thinking) return <p className="thought-bar dim small">{t('thought.open')}</p>
  if (tokens === null) return null
  const size = t('unit.tokens', { count: tokens, shown: integer(tokens) })
  return (
    <button type="button" className="thought-bar small" aria-expanded={!folded} onClick={toggle}>
      <ChevronRight size={13} aria-hidden className="chevron" />
      {t('thought.size', { tokens: size })}
    </button>
  )
}
