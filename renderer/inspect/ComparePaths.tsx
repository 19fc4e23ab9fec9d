import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowLeft, Microscope } from 'lucide-react'
import { memo, useEffect, useMemo, useRef } from 'react'
import { framedText } from '../../engine/protocol/frame.ts'
import { showsValues } from '../../engine/protocol/question.ts'
import { isStated } from '../../engine/protocol/answers/statements.ts'
import { segmentOf, type Segment } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { usePaths } from '../run/Lanes.tsx'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { segmentName } from '../i18n/segments.ts'
import { go } from '../store/route.ts'
import { useOpenRun, useShown } from '../store/runs.ts'
import { follow } from '../store/session.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { showSpace } from '../ui/visible.ts'
import { align, piecesOf, type AlignedRow } from './align.ts'
import { partingOf } from './siblings.ts'
import './inspect.css'

/**
 * Shows two or more paths side by side: where they diverge, and what only one of them has. The first is the reference.
 */
export default function ComparePaths({ run, paths: chosen }: { run: string; paths: SegmentId[] }) {
  const t = useT()
  const open = useOpenRun(run)
  const all = usePaths(run)
  useEffect(() => follow(run), [run])
  const paths = useMemo(
    () => chosen.flatMap((path) => (open && segmentOf(open.shown, path)) ?? []),
    [chosen, open],
  )
  const toggle = (path: SegmentId) => {
    const next = chosen.includes(path) ? chosen.filter((one) => one !== path) : [...chosen, path]
    go({ view: 'compare-paths', run, paths: next }, { replace: true })
  }
  return (
    <div className="compare">
      <header className="inspect-head row wrap">
        <button type="button" className="btn" onClick={() => go({ view: 'run', run })}>
          <ArrowLeft size={14} className="flip" />
          {t('inspect.back')}
        </button>
        <h1 className="sr">{t('cmd.comparePaths')}</h1>
        <div className="row wrap" role="group" aria-label={t('compare.which')}>
          {all.map((path) => (
            <button
              key={path}
              type="button"
              className="btn tiny"
              aria-pressed={chosen.includes(path)}
              data-segment={path}
              onClick={() => toggle(path)}
            >
              <span className="pathno">{segmentName(path)}</span>
            </button>
          ))}
        </div>
      </header>
      {paths.length < 2 ? (
        <p className="empty">{t('compare.two')}</p>
      ) : (
        <Columns run={run} paths={paths} />
      )}
    </div>
  )
}

function Columns({ run, paths }: { run: string; paths: readonly Segment[] }) {
  const t = useT()
  const values = useShown(run, showsValues)
  const texts = paths.map(framedText)
  const joined = texts.join('\u0000')
  const rows = useMemo(() => align(texts), [joined])
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) =>
      24 * Math.max(1, Math.ceil(Math.max(...rows[i]!.texts.map((text) => text.length)) / 60)),
    overscan: 8,
    useFlushSync: false,
  })
  return (
    <div
      ref={scroller}
      className="compare-scroll scroll"
      tabIndex={0}
      role="region"
      aria-label={t('cmd.comparePaths')}
    >
      <div className="compare-heads">
        {paths.map((path, i) => (
          <div key={path.segment} data-segment={path.segment}>
            <div className="row">
              <h2 className="pathno">{segmentName(path.segment)}</h2>
              <span className="small dim num">
                {t('unit.tokens', {
                  count: path.tokens.length,
                  shown: integer(path.tokens.length),
                })}
              </span>
              {values && path.answer !== null && (
                <span className="small ellipsis">
                  <span className="dim">
                    {t(isStated(path) ? 'answer.label' : 'answer.lastNumber')}
                  </span>{' '}
                  <AnswerText text={path.answer.text} />
                </span>
              )}
            </div>
            {i > 0 && <Parting run={run} reference={paths[0]!} other={path} />}
          </div>
        ))}
      </div>
      <div className="compare-rows" style={{ blockSize: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index]!
          return (
            <div
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              style={{ transform: `translateY(${item.start}px)` }}
              className={row.same ? 'compare-row same' : 'compare-row differs'}
            >
              <Cells row={row} />
            </div>
          )
        })}
      </div>
    </div>
  )
}

/** Compares the words of a row once, when it is drawn. */
const Cells = memo(function Cells({ row }: { row: AlignedRow }) {
  return piecesOf(row).map((cell, column) => (
    <div key={column} className="compare-cell" dir="auto">
      {cell.map((piece, i) =>
        piece.kind === 'same' ? (
          <span key={i}>{piece.text}</span>
        ) : column === 0 ? (
          <del key={i}>{piece.text}</del>
        ) : (
          <ins key={i}>{piece.text}</ins>
        ),
      )}
    </div>
  ))
})

function Parting({ run, reference, other }: { run: string; reference: Segment; other: Segment }) {
  const t = useT()
  const parting = partingOf(reference, other)
  if (parting === null) return <p className="small dim">{t('compare.noParting')}</p>
  const text = (path: Segment, at: number) => showSpace(path.tokens.at(at)!.text)
  return (
    <p className="small row" data-parting={parting.b}>
      <span>
        {t('compare.parting', { at: parting.b })}{' '}
        <bdi className="mono">{text(reference, parting.a)}</bdi> /{' '}
        <bdi className="mono">{text(other, parting.b)}</bdi>
      </span>
      <button
        type="button"
        className="btn quiet icon tiny"
        aria-label={t('compare.inspect', { at: parting.b })}
        onClick={() => go({ view: 'inspect', run, segment: other.segment, at: parting.b })}
      >
        <Microscope size={13} />
      </button>
    </p>
  )
}
