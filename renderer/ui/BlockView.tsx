import { Fragment, memo } from 'react'
import { useFormatted } from '../format/useFormatted.tsx'
import { isProse, plainOf } from '../format/plain.ts'
import type { Mark } from '../format/tree.ts'

function PlainText({ text, mark }: { text: string; mark: Mark | null }) {
  if (mark === null) return <Fragment>{text}</Fragment>
  return (
    <Fragment>
      {text.slice(0, mark[0])}
      <mark>{text.slice(mark[0], mark[1])}</mark>
      {text.slice(mark[1])}
    </Fragment>
  )
}

/** Shows a closed block, plain at first and formatted as soon as there is time. Prose stays plain. */
export const BlockView = memo(function BlockView({
  text,
  kind,
  markStart,
  markEnd,
}: {
  text: string
  kind: 'markdown' | 'code'
  markStart: number
  markEnd: number
}) {
  const mark: Mark | null = markEnd > markStart ? [markStart, markEnd] : null
  const formatted = useFormatted(text, mark, kind === 'markdown' && !isProse(text))
  if (kind === 'code')
    return (
      <pre className="block plain" dir="ltr">
        {text}
      </pre>
    )
  if (formatted !== null)
    return (
      <div className="block md" dir="auto">
        {formatted}
      </div>
    )
  const { text: plain, lead } = plainOf(text)
  return (
    <div className="block plain" dir="auto">
      <PlainText
        text={plain}
        mark={mark === null ? null : [Math.max(0, mark[0] - lead), mark[1] - lead]}
      />
    </div>
  )
})
