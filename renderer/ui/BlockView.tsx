import { Fragment, memo, useEffect, useState, type ReactElement } from 'react'
import type { Components } from 'react-markdown'
import { ExternalLink } from './ExternalLink.tsx'
import { inTurn } from '../store/turns.ts'
import { formatMarkdown, type Mark } from './markdown.ts'

const components: Components = {
  a: ({ href, children }) => <ExternalLink href={href}>{children}</ExternalLink>,
  img: ({ alt, src }) => <ExternalLink href={typeof src === 'string' ? src : undefined}>[{alt ?? ''}]</ExternalLink>,
}

/** Formatted blocks, the most recent ones: a block scrolled out and in again is not formatted twice. */
const CACHE_SIZE = 600
const cache = new Map<string, ReactElement>()
const keyOf = (text: string, mark: Mark | null) => (mark === null ? text : `${mark[0]}:${mark[1]}:${text}`)

function format(text: string, mark: Mark | null): ReactElement {
  const key = keyOf(text, mark)
  const known = cache.get(key)
  if (known !== undefined) return known
  let made: ReactElement
  try {
    made = formatMarkdown(text, mark, components)
  } catch {
    made = <PlainText text={text} mark={mark} /> // deeper nested than the parser can follow
  }
  cache.set(key, made)
  if (cache.size > CACHE_SIZE) cache.delete(cache.keys().next().value!)
  return made
}

export function PlainText({ text, mark }: { text: string; mark: Mark | null }) {
  if (mark === null) return <Fragment>{text}</Fragment>
  return <Fragment>{text.slice(0, mark[0])}<mark>{text.slice(mark[0], mark[1])}</mark>{text.slice(mark[1])}</Fragment>
}

/** One closed block: plain at first, formatted as soon as there is time. */
export const BlockView = memo(function BlockView({ text, kind, markStart, markEnd }: {
  text: string; kind: 'markdown' | 'code'; markStart: number; markEnd: number
}) {
  const mark: Mark | null = markEnd > markStart ? [markStart, markEnd] : null
  const [ready, setReady] = useState(() => cache.has(keyOf(text, mark)))
  useEffect(() => {
    if (ready || kind === 'code') return
    // Two turns: reading the Markdown, and drawing it.
    let takeBack = inTurn(() => {
      format(text, mark)
      takeBack = inTurn(() => setReady(true))
    })
    return () => takeBack()
  })
  if (kind === 'code') return <pre className="block plain" dir="ltr">{text}</pre>
  return ready
    ? <div className="block md" dir="auto">{format(text, mark)}</div>
    : <div className="block plain" dir="auto"><PlainText text={text.trim() === '' ? '' : text.replace(/\n+$/, '')} mark={mark} /></div>
})
