import { memo, useMemo } from 'react'
import { isFormula, plainSigns } from '../../engine/protocol/markdown/formulas.ts'
import { plainAnswer as plain, prosePieces } from '../../engine/protocol/markdown/prose.ts'
import { useFormatted } from '../format/useFormatted.tsx'
import { visible } from './visible.ts'

/** Shows an answer as a formula if it is written as one, otherwise as text. Prose in LaTeX is text, which wraps. */
export const AnswerText = memo(function AnswerText({ text }: { text: string }) {
  const pieces = useMemo(() => prosePieces(text), [text])
  const wanted = pieces?.some(({ formula }) => formula) ?? isFormula(text)
  const formatted = useFormatted(text, null, { wanted, formula: true })
  if (pieces !== null)
    return <bdi className="answer-prose">{formatted ?? visible(plain(text))}</bdi>
  if (formatted === null) return <bdi className="mono">{visible(plainSigns(text))}</bdi>
  return (
    <bdi className="answer-formula" title={visible(text)}>
      {formatted}
    </bdi>
  )
})

/** Returns an answer as plain text, for drawings and sentences that cannot show formulas. */
export const plainAnswer = (text: string): string => visible(plain(text))
