import { useVirtualizer } from '@tanstack/react-virtual'
import {
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type MouseEvent,
} from 'react'
import { countLeading } from '../../engine/protocol/bisect.ts'
import { showsValues } from '../../engine/protocol/question.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { useT } from '../i18n/index.ts'
import { segmentName } from '../i18n/segments.ts'
import { errorWords } from '../i18n/wording.ts'
import { useReading } from '../store/attribution.ts'
import { usePrefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { useOpenRun, useSegment, useShown } from '../store/runs.ts'
import { follow } from '../store/session.ts'
import { columnOf, levelsOf } from './attribution.ts'
import { AttributionPanel } from './AttributionPanel.tsx'
import { InspectHead } from './InspectHead.tsx'
import { siblingsAt } from './siblings.ts'
import { TokenDetail } from './TokenDetail.tsx'
import { TokenLine } from './TokenLine.tsx'
import { TokenRows } from './token-rows.ts'
import './inspect.css'

/** Shows the tokens of a path or summary, coloured by how sure the model was, with a cursor on one of them. */
export default function InspectView({
  run,
  segment,
  at,
}: {
  run: string
  segment: SegmentId
  at: number | null
}) {
  const t = useT()
  const open = useOpenRun(run)
  const stream = useSegment(run, segment)
  useEffect(() => follow(run), [run])
  if (open === undefined || open.shown.status === 'empty')
    return (
      <p className="empty" role="status">
        {open?.error ? errorWords(open.error) : t('run.opening')}
      </p>
    )
  if (stream === undefined) return <p className="empty">{t('why.noPath')}</p>
  return <Inspector key={run} run={run} segment={segment} at={at} />
}

function Inspector({ run, segment, at }: { run: string; segment: SegmentId; at: number | null }) {
  const t = useT()
  const state = useOpenRun(run)!.shown
  const stream = useSegment(run, segment)!
  const values = useShown(run, showsValues)
  const heat = usePrefs((s) => s.heat)
  const whitespace = usePrefs((s) => s.whitespace)
  const [cursor, setCursor] = useState(at ?? 0)
  // Attribution: the path that colours the text, and the token that the bars show.
  const [picked, setPicked] = useState<SegmentId | null>(null)
  const [peeked, setPeeked] = useState<SegmentId | null>(null)
  const [pointed, setPointed] = useState<number | null>(null)
  const reading = useReading(run, segment)
  const result = reading?.state === 'ready' ? reading.result : null
  const coloured = result === null ? null : (peeked ?? picked)
  const levels = useMemo(
    () =>
      result === null || coloured === null || columnOf(result, coloured) === 0
        ? null
        : levelsOf(result, columnOf(result, coloured)),
    [result, coloured],
  )
  const index = Math.min(cursor, stream.tokens.length - 1)
  const rows = useRef(new TokenRows())
  const shown = useRef(segment)
  if (shown.current !== segment) {
    shown.current = segment
    rows.current = new TokenRows()
  }
  rows.current.advance(stream.tokens)
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.current.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 44,
    overscan: 6,
    getItemKey: (i) => `${segment}/${rows.current.rows[i]!.start}`,
    useFlushSync: false,
  })
  useLayoutEffect(() => {
    if (index >= 0) virtual.scrollToIndex(rows.current.rowOf(index), { align: 'auto' })
  }, [index, segment, virtual])
  useEffect(() => {
    const timer = setTimeout(
      () => go({ view: 'inspect', run, segment, at: index }, { replace: true }),
      300,
    )
    return () => clearTimeout(timer)
  }, [run, segment, index])

  const show = (next: SegmentId) =>
    go({ view: 'inspect', run, segment: next, at: index }, { replace: true })
  const move = (list: readonly SegmentId[], by: number) => {
    const next = list[(list.indexOf(segment) + by + list.length) % list.length]
    if (next !== undefined) show(next)
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const all =
      stream.role !== 'path'
        ? []
        : event.shiftKey
          ? siblingsAt(state, stream, index)
          : state.paths.map((one) => one.segment)
    switch (event.key) {
      case 'ArrowLeft':
        setCursor(Math.max(0, index - 1))
        break
      case 'ArrowRight':
        setCursor(Math.min(stream.tokens.length - 1, index + 1))
        break
      case 'ArrowUp':
        move(all, -1)
        break
      case 'ArrowDown':
        move(all, 1)
        break
      case 'Home':
        setCursor(0)
        break
      case 'End':
        setCursor(stream.tokens.length - 1)
        break
      case 'Enter':
        document.querySelector<HTMLElement>('.alternatives button:not(:disabled)')?.focus()
        break
      default:
        return
    }
    event.preventDefault()
  }
  const onClick = (event: MouseEvent) => {
    const hit = (event.target as HTMLElement).closest<HTMLElement>('[data-i]')
    if (hit !== null) setCursor(Number(hit.dataset.i))
  }
  const onHover = (event: MouseEvent) => {
    if (result === null) return
    const hit = (event.target as HTMLElement).closest<HTMLElement>('[data-i]')
    setPointed(hit === null ? null : Number(hit.dataset.i))
  }
  const span = values ? (stream.answer?.span ?? null) : null
  const answer =
    span === null
      ? null
      : ([
          tokenAt(rows.current.offsets, span[0]),
          tokenAt(rows.current.offsets, span[1] - 1),
        ] as const)
  return (
    <div className="inspect">
      <InspectHead run={run} segment={segment} scale={levels === null && heat !== 'none'} />
      <div className="inspect-body">
        <div
          ref={scroller}
          className={`tokens scroll heat-${heat}`}
          role="listbox"
          tabIndex={0}
          aria-label={t('inspect.tokens', {
            name: segmentName(segment),
          })}
          aria-activedescendant={index >= 0 ? `tok-${index}` : undefined}
          onKeyDown={onKey}
          onClick={onClick}
          onMouseOver={onHover}
          onMouseLeave={() => setPointed(null)}
          data-segment={coloured ?? undefined}
        >
          <div
            role="presentation"
            style={{ blockSize: virtual.getTotalSize(), position: 'relative' }}
          >
            {virtual.getVirtualItems().map((item) => {
              const row = rows.current.rows[item.index]!
              return (
                <div
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  role="presentation"
                  className="token-row"
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <TokenLine
                    tokens={stream.tokens}
                    start={row.start}
                    end={row.end}
                    heat={heat}
                    whitespace={whitespace}
                    selected={index >= row.start && index < row.end ? index : -1}
                    levels={levels}
                    markFrom={answer?.[0] ?? -1}
                    markTo={answer?.[1] ?? -1}
                  />
                </div>
              )
            })}
          </div>
        </div>
        <aside className="inspect-side scroll" aria-label={t('inspect.detail')}>
          {stream.role === 'summary' && (
            <AttributionPanel
              run={run}
              segment={segment}
              answer={answer === null ? null : [answer[0], answer[1] + 1]}
              token={pointed ?? index}
              picked={picked}
              onPick={setPicked}
              onPeek={setPeeked}
            />
          )}
          <TokenDetail run={run} segment={segment} index={index} onPath={show} />
        </aside>
      </div>
    </div>
  )
}

/** Returns the index of the token that contains a text offset. */
function tokenAt(offsets: readonly number[], offset: number): number {
  const begun = countLeading(offsets, (start) => start <= offset)
  return Math.max(0, Math.min(begun, offsets.length - 1) - 1)
}
