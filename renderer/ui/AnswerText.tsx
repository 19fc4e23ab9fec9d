import { memo } from 'react'
import { isFormula, plainSigns } from '../../engine/protocol/markdown/formulas.ts'
import { useFormatted } from '../format/useFormatted.tsx'
import { visible } from './visible.ts'

/** Shows an answer as a formula if it is written as one, otherwise as text. */
export const AnswerText = memo(function AnswerText({ text }: { text: string }) {
  const formatted = useFormatted(text, null, { wanted: isFormula(text), formula: true })
  if (formatted === null) return <bdi className="mono">{visible(plainSigns(text))}</bdi>
  return (
    <bdi className="answer-formula" title={visible(text)}>
      {formatted}
    </bdi>
  )
})

/**
 * Returns an answer as plain text, with the commonest LaTeX commands removed, for drawings that cannot show formulas.
 */
export const plainAnswer = (text: string): string =>
  visible(
    plainSigns(text)
      .replace(/\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}/g, '$1/$2')
      .replace(/\\(?:text|mathrm|boxed)\{([^{}]*)\}/g, '$1')
      .replace(/\\[,;! ]/g, ' '),
  )
