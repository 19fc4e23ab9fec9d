import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowLeft, Microscope } from 'lucide-react'
import { useEffect, useMemo, useRef } from 'react'
import { framedText } from '../../engine/protocol/frame.ts'
import { showsValues } from '../../engine/protocol/question.ts'
import { isOpen, segmentOf, type Segment } from '../../engine/protocol/fold.ts'
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
import { align, marksOf, partsAt, type AlignedRow } from './align.ts'
import { partingOf } from './siblings.ts'
import { UnitView } from './UnitView.tsx'
import '../run/stream.css'
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
  const texts = useCalmTexts(paths)
  const rows = useMemo(() => align(texts), [texts])
  const parts = partsAt(rows)
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) =>
      8 +
      22 *
        Math.max(
          ...rows[i]!.cells.map((cell) =>
            cell === null ? 1 : Math.ceil((cell.end - cell.start) / 60),
          ),
        ),
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
                  <span className="dim">{t('answer.label')}</span>{' '}
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
            >
              {item.index === parts && <p className="compare-part">{t('compare.apart')}</p>}
              <div className={`compare-row ${row.kind} ${row.kind === 'same' ? '' : 'differs'}`}>
                <Cells row={row} texts={texts} paths={paths} />
              </div>
            </div>
          )
        })}
      </div>
    </div>
  )
}

/** Milliseconds between two comparisons of paths that still think. */
const CALM_MS = 1000

/** Returns the texts of paths: the same array until one of them changes, and for a while if paths still think. */
function useCalmTexts(paths: readonly Segment[]): readonly string[] {
  const last = useRef<{ names: string; texts: readonly string[]; at: number }>(undefined)
  const names = paths.map(({ segment }) => segment).join()
  const old = last.current
  const calm = old?.names === names && paths.some(isOpen) && performance.now() - old.at < CALM_MS
  if (calm) return old.texts
  const texts = paths.map(framedText)
  if (old?.names === names && texts.every((text, i) => text === old.texts[i])) return old.texts
  last.current = { names, texts, at: performance.now() }
  return texts
}

/** Compares the words of a row once, when it is drawn. */
function Cells({
  row,
  texts,
  paths,
}: {
  row: AlignedRow
  texts: readonly string[]
  paths: readonly Segment[]
}) {
  const marks = useMemo(() => marksOf(row, texts), [row, texts])
  return row.cells.map((unit, column) => (
    <div key={column} className="compare-cell" data-segment={paths[column]?.segment}>
      {unit !== null && <UnitView text={texts[column]!} unit={unit} marks={marks[column]!} />}
    </div>
  ))
}

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
