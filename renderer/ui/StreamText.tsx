import { ArrowDownToLine } from 'lucide-react'
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { isOpen } from '../../engine/protocol/fold.ts'
import { frameOf } from '../../engine/protocol/frame.ts'
import { showsValues } from '../../engine/protocol/question.ts'
import {
  blockAt,
  BlockSplitter,
  codeOf,
  textOf,
  wholeCode,
  type Block,
  type Range,
} from '../../engine/protocol/markdown/blocks.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { useT } from '../i18n/index.ts'
import { usePrefs } from '../store/prefs.ts'
import { useShown } from '../store/runs.ts'
import { useDrawnStream } from './drawn-stream.ts'
import { afterTurns, takeFrame, takeTurn } from '../store/turns.ts'
import { keepPlace, offerReveal, placeKey, placeOf, reveal } from '../store/scroll.ts'
import { ThoughtBar, useThoughtFold } from './ThoughtFold.tsx'
import { BlockView, CodeView } from './BlockView.tsx'
import { CodeBlock } from './CodeBlock.tsx'
import { GrowingTable, rowsIn } from './GrowingTable.tsx'
import { GrowingText } from './GrowingText.tsx'
import { returnTo, topOf } from './reading-place.ts'
import { useVirtualBlocks } from './virtual-blocks.ts'

const NEAR = 24
const LINE = 20
const CHAR = 6.6

/**
 * Shows the text of a path or summary: plain while it grows, then formatted block by block, with only the blocks in view
 * in the page. Follows the live end until the reader scrolls up, and restores the reading place. `answer`: the text is
 * read as the answer of its run, from its beginning, wherever the reader was while it was written.
 */
export const StreamText = memo(function StreamText({
  run,
  segment,
  label,
  answer: asAnswer = false,
}: {
  run: string
  segment: SegmentId
  label: string
  answer?: boolean
}) {
  const t = useT()
  const stream = useDrawnStream(run, segment)
  const key = placeKey(run, segment)
  const placed = asAnswer ? `${key}/answer` : key
  const scroller = useRef<HTMLDivElement>(null)
  const splitter = useRef(new BlockSplitter())
  /** Where the shown part of the text begins. */
  const from = useRef(0)
  /** Where a marker in it is blanked. */
  const blank = useRef(-1)
  const live = stream !== undefined && isOpen(stream)
  const follow = useRef(placeOf(placed)?.follow ?? (live && usePrefs.getState().followLive))
  const [away, setAway] = useState(!follow.current)
  const lastTop = useRef(0)
  /** The text is longer than the pane; only then is there a button to the live end. */
  const [longer, setLonger] = useState(false)
  const [flash, setFlash] = useState(-1)
  /** Ends the scrolling back to the reading place, once the reader scrolls. */
  const returning = useRef<(() => void) | null>(null)
  /** Where the readable text begins, and what shows all of it. */
  const unfolds = useRef({ text: 0, open: () => {} })
  const keepEnd = () => {
    if (follow.current) scroller.current!.scrollTop = 1e9
  }
  const stay = () => {
    returning.current?.()
    returning.current = null
  }

  const { text, ...frame } = stream === undefined ? { text: '', start: 0, end: 0 } : frameOf(stream)
  const { end } = frame
  const fold = useThoughtFold(run, stream, frame)
  const { start, marker } = fold
  unfolds.current = { text: frame.start, open: fold.open }
  const read = marker === null ? text : blanked(text, marker)
  const body = start === 0 && end === read.length ? read : read.slice(start, end)
  const blankAt = marker?.[0] ?? -1
  if (body.length < splitter.current.tail || start !== from.current || blankAt !== blank.current)
    splitter.current = new BlockSplitter()
  from.current = start
  blank.current = blankAt
  splitter.current.advance(body, stream !== undefined && !live)
  const { blocks, tail } = splitter.current
  const values = useShown(run, showsValues)
  const answer = stream?.answer ?? null
  const span: Range | null =
    answer === null || !values ? null : [answer.span[0] - start, answer.span[1] - start]

  const [keyOf] = useState(() => (i: number) => from.current + splitter.current.blocks[i]!.start)
  const virtual = useVirtualBlocks({
    count: blocks.length,
    keyOf,
    estimate: (i, width) =>
      Math.ceil(((blocks[i]!.end - blocks[i]!.start) * CHAR) / Math.max(120, width - 24)) * LINE +
      8,
    scroller: () => scroller.current,
    onChange: keepEnd,
    onOffset: () => {
      if (!follow.current) takeTurn()
    },
    onMissing: () => {
      if (!follow.current) takeFrame()
    },
    following: () => follow.current,
  })
  const items = virtual.getVirtualItems()
  const before = items[0]?.start ?? 0
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0)

  const settle = useRef(() => {
    const el = scroller.current
    if (el === null) return
    keepEnd()
    lastTop.current = el.scrollTop
    if (!follow.current) setLonger(el.scrollHeight - el.clientHeight > NEAR)
  })
  useLayoutEffect(() => afterTurns(settle.current))
  useLayoutEffect(() => {
    const place = placeOf(placed)
    if (place !== undefined && !place.follow)
      returning.current = returnTo(
        place,
        scroller.current!,
        virtual,
        splitter.current.blocks,
        () => (returning.current = null),
      )
    const takeBack = offerReveal(key, (inText) => {
      stay()
      const offset = inText + unfolds.current.text - from.current
      if (offset < 0) {
        unfolds.current.open()
        requestAnimationFrame(() => reveal(key, inText))
        return
      }
      follow.current = false
      setAway(true)
      const index = blockAt(splitter.current.blocks, offset)
      setFlash(index)
      if (index < splitter.current.blocks.length) virtual.scrollToIndex(index, { align: 'center' })
      else scroller.current!.scrollTop = 1e9
    })
    return () => {
      stay()
      takeBack()
    }
  }, [key, placed, virtual])
  useEffect(() => {
    if (flash < 0) return
    const timer = setTimeout(() => setFlash(-1), 1600)
    return () => clearTimeout(timer)
  }, [flash])

  const onScroll = () => {
    const el = scroller.current!
    const distance = el.scrollHeight - el.scrollTop - el.clientHeight
    const up = el.scrollTop < lastTop.current - 2
    lastTop.current = el.scrollTop
    if (distance <= NEAR)
      follow.current ||= live // a reader who followed to the end still sees it once the text is formatted
    else if (up) follow.current = false
    setAway(!follow.current)
    if (returning.current === null)
      keepPlace(placed, {
        follow: follow.current,
        ...topOf(virtual, splitter.current.blocks, el.scrollTop),
      })
  }
  const toLive = () => {
    stay()
    follow.current = true
    setAway(false)
    scroller.current!.scrollTop = 1e9
  }
  const growing = useMemo(() => splitter.current.open(body), [body, tail])
  const shown = useRef({ body, growing })
  shown.current = { body, growing }
  const [copy] = useState(() => (fence: number) => {
    const { body, growing } = shown.current
    return wholeCode(body, [...splitter.current.blocks, ...growing], fence)
  })

  return (
    <div className={fold.thinking ? 'stream thinking' : 'stream'}>
      <ThoughtBar fold={fold} />
      <div
        ref={scroller}
        className="stream-scroll scroll"
        tabIndex={0}
        role="region"
        aria-label={label}
        onScroll={onScroll}
        onWheel={stay}
        onPointerDown={stay}
        onKeyDown={stay}
      >
        <div style={{ paddingBlock: `${before}px ${after}px` }}>
          {items.map((item) => {
            const block = blocks[item.index]!
            return (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                className={item.index === flash ? 'row-block flash' : 'row-block'}
              >
                <ClosedBlock text={body} block={block} span={span} copy={copy} />
              </div>
            )
          })}
        </div>
        {growing.map((block) => (
          <OpenBlock key={block.start} text={body} block={block} live={live} copy={copy} />
        ))}
      </div>
      {live && away && longer && (
        <button type="button" className="btn tiny jump" onClick={toLive}>
          <ArrowDownToLine size={13} />
          {t('stream.jump')}
        </button>
      )}
    </div>
  )
})

/** Returns a text with an empty line, as long as it, instead of a range. */
const blanked = (text: string, [from, to]: Range): string =>
  text.slice(0, from) + '\n'.repeat(to - from) + text.slice(to)

export const ClosedBlock = memo(function ClosedBlock({
  text,
  block,
  span,
  copy,
}: {
  text: string
  block: Block
  span: Range | null
  copy: (fence: number) => string
}) {
  const own = textOf(text, block, span)
  const [from, to] = own.mark ?? [0, 0]
  if (block.kind === 'markdown') return <BlockView text={own.text} markStart={from} markEnd={to} />
  const { code, info, first, lead } = codeOf(text, block)
  return (
    <CodeView
      code={code}
      info={info}
      markStart={Math.max(0, from - lead)}
      markEnd={Math.min(code.length, to - lead)}
      fence={block.fence}
      copy={first ? copy : null}
    />
  )
}, sameBlock)

/** The text of a closed block never changes, so the rest of the text does not matter. */
function sameBlock(
  a: { block: Block; span: Range | null },
  b: { block: Block; span: Range | null },
): boolean {
  return a.block === b.block && a.span?.[0] === b.span?.[0] && a.span?.[1] === b.span?.[1]
}

/** The end of a text that grows: plain, or as code from the first character of a fence. */
function OpenBlock({
  text,
  block,
  live,
  copy,
}: {
  text: string
  block: Block
  live: boolean
  copy: (fence: number) => string
}) {
  const caret = live ? ' live' : ''
  if (block.kind === 'markdown') {
    const own = text.slice(block.start, block.end)
    const rows = rowsIn(own)
    return (
      <>
        {rows > 0 && <GrowingTable text={own.slice(0, rows)} />}
        <GrowingText text={own.slice(rows)} className={`block plain${caret}`} />
      </>
    )
  }
  const { code, info, first } = codeOf(text, block)
  return (
    <div className={first ? 'block' : 'block piece'}>
      <CodeBlock info={info} code={first ? () => copy(block.fence) : undefined}>
        <GrowingText text={code} className={`growing${caret}`} dir="ltr" />
      </CodeBlock>
    </div>
  )
}
