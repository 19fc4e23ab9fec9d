import { Fragment, memo } from 'react'
import type { Range } from '../../engine/protocol/markdown/blocks.ts'
import { languageOf } from '../../engine/protocol/markdown/languages.ts'
import { useFormatted } from '../format/useFormatted.tsx'
import { isProse, plainOf } from '../../engine/protocol/markdown/plain.ts'
import { CodeBlock } from './CodeBlock.tsx'

function PlainText({ text, mark }: { text: string; mark: Range | null }) {
  if (mark === null) return <Fragment>{text}</Fragment>
  return (
    <Fragment>
      {text.slice(0, mark[0])}
      <mark>{text.slice(mark[0], mark[1])}</mark>
      {text.slice(mark[1])}
    </Fragment>
  )
}

const rangeOf = (start: number, end: number): Range | null => (end > start ? [start, end] : null)

/** Shows a closed block of Markdown, plain at first and formatted as soon as there is time. Prose stays plain. */
export const BlockView = memo(function BlockView({
  text,
  markStart,
  markEnd,
}: {
  text: string
  markStart: number
  markEnd: number
}) {
  const mark = rangeOf(markStart, markEnd)
  const formatted = useFormatted(text, mark, { wanted: !isProse(text) })
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

/**
 * Shows a closed block of code, coloured as soon as there is time. `copy`: returns the whole code of the fence that
 * starts at an offset; null: the block is a later piece of one.
 */
export const CodeView = memo(function CodeView({
  code,
  info,
  markStart,
  markEnd,
  marks,
  fence,
  copy,
}: {
  code: string
  info: string
  markStart: number
  markEnd: number
  /** Marked instead; must stay the same array. */
  marks?: readonly Range[]
  fence: number
  copy: ((fence: number) => string) | null
}) {
  const mark = rangeOf(markStart, markEnd)
  const coloured = useFormatted(code, mark, {
    wanted: languageOf(info) !== '' || marks !== undefined,
    info,
    ...(marks !== undefined && { marks }),
  })
  return (
    <div className={copy === null ? 'block piece' : 'block'}>
      <CodeBlock info={info} code={copy === null ? undefined : () => copy(fence)}>
        <code>{coloured ?? <PlainText text={code} mark={mark} />}</code>
      </CodeBlock>
    </div>
  )
})
