import { memo, useMemo, useState } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { spokenText } from '../../engine/protocol/deciding.ts'
import { questionOf } from '../../engine/protocol/question.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { segmentName } from '../i18n/segments.ts'
import { useRuns, useShown } from '../store/runs.ts'
import { activate } from '../store/ui.ts'
import { SegmentButton } from '../ui/SegmentButton.tsx'
import { visible } from '../ui/visible.ts'
import { agreementOf, type Agreement as Found } from './agreement.ts'

/** Number of points that are shown at first. */
const FIRST = 6

/** Returns what the finished paths have in common. It changes only when a path ends or is dropped. */
function useAgreement(run: string): Found {
  const ended = useRuns(
    useShallow(
      (s) =>
        s.open[run]?.shown.paths.filter(
          ({ endedAt, status }) => endedAt !== null && status !== 'dropped',
        ) ?? [],
    ),
  )
  const kind = useShown(run, questionOf)
  const thought = useShown(run, (s) => s.thought)
  return useMemo(
    () =>
      agreementOf(
        ended.map((path) => ({ path: path.segment, text: spokenText(path, { thought }) })),
        kind ?? 'text',
      ),
    [ended, kind, thought],
  )
}

/** Shows what several paths say, and how much each says alone, where there is nothing to count. */
export const Agreement = memo(function Agreement({ run }: { run: string }) {
  const t = useT()
  const { points, own } = useAgreement(run)
  const code = useShown(run, questionOf) === 'code'
  const [all, setAll] = useState(false)
  if (own.length < 2) return <p className="body dim">{t('agree.none')}</p>
  const shown = all ? points : points.slice(0, FIRST)
  return (
    <div className="votes agreement">
      <p className="small dim">{t(points.length === 0 ? 'agree.nothing' : 'agree.help')}</p>
      {points.length > 0 && (
        <ul aria-label={t('agree.title')}>
          {shown.map((point) => (
            <li key={point.text} className="vote">
              <span
                className={code ? 'agree-text mono' : 'agree-text'}
                dir="auto"
                title={visible(point.text)}
              >
                {visible(point.text)}
              </span>
              <div className="row agree-paths">
                <div className="vote-bar">
                  <span style={{ inlineSize: `${(100 * point.paths.length) / own.length}%` }} />
                </div>
                <div className="row wrap members">
                  {point.paths.map((path) => (
                    <SegmentButton
                      key={path}
                      segment={path}
                      label={t('agree.showPath', { name: segmentName(path) })}
                      onClick={() => activate(run, path)}
                    />
                  ))}
                </div>
                <span className="num small dim vote-count">{point.paths.length}</span>
              </div>
            </li>
          ))}
        </ul>
      )}
      {points.length > FIRST && (
        <button
          type="button"
          className="btn quiet tiny agree-more"
          aria-expanded={all}
          onClick={() => setAll(!all)}
        >
          {all ? t('agree.fewer') : t('agree.more', { count: points.length - FIRST })}
        </button>
      )}
      <dl className="agree-own small">
        {own.map(({ path, count, of }) => (
          <div key={path} data-segment={path}>
            <dt className="pathno">{segmentName(path)}</dt>
            <dd className="dim num">{t('agree.own', { count, of })}</dd>
          </div>
        ))}
      </dl>
      <CommandButton id="run.comparePaths" look="tiny" />
    </div>
  )
})
