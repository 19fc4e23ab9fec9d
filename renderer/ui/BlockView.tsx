import { Fragment, memo } from 'react'
import { useFormatted } from '../format/useFormatted.tsx'
import type { Mark } from '../format/tree.ts'

export function PlainText({ text, mark }: { text: string; mark: Mark | null }) {
  if (mark === null) return <Fragment>{text}</Fragment>
  return <Fragment>{text.slice(0, mark[0])}<mark>{text.slice(mark[0], mark[1])}</mark>{text.slice(mark[1])}</Fragment>
}

/** One closed block: plain at first, formatted as soon as there is time. */
export const BlockView = memo(function BlockView({ text, kind, markStart, markEnd }: {
  text: string; kind: 'markdown' | 'code'; markStart: number; markEnd: number
}) {
  const mark: Mark | null = markEnd > markStart ? [markStart, markEnd] : null
  const formatted = useFormatted(text, mark, kind === 'markdown')
  if (kind === 'code') return <pre className="block plain" dir="ltr">{text}</pre>
  return formatted === null
    ? <div className="block plain" dir="auto"><PlainText text={text.trim() === '' ? '' : text.replace(/\n+$/, '')} mark={mark} /></div>
    : <div className="block md" dir="auto">{formatted}</div>
})
