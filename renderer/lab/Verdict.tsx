import type { Experiment } from '../../engine/protocol/wire.ts'
import { fixed } from '../i18n/format.ts'
import { useT } from '../i18n/index.ts'
import { IntervalBar } from './IntervalBar.tsx'
import { comparisonOf, points } from './verdict.ts'

const LOOKS = { yes: 'ok', no: 'bad', unknown: 'warn', wait: '' } as const

/** Says in plain words whether several paths are worth it, with the interval that decides it. */
export function Verdict({ experiment }: { experiment: Experiment }) {
  const t = useT()
  const { cells, state, done, wanted } = experiment
  const found = comparisonOf(cells)
  if (found === null) return null
  const { verdict, many, gain, times } = found
  const interval = { low: points(gain.low), high: points(gain.high) }
  return (
    <section className="verdict" data-verdict={verdict} aria-label={t('worth.title')}>
      <p className="row wrap">
        <strong className={`pill verdict-word ${LOOKS[verdict]}`}>{t(`worth.${verdict}`)}</strong>
        {verdict !== 'wait' && (
          <>
            <IntervalBar
              value={gain.difference}
              low={gain.low}
              high={gain.high}
              from={Math.min(-0.5, gain.low)}
              to={Math.max(0.5, gain.high)}
              width={220}
            />
            <span className="num small dim">
              {t('table.points', { difference: points(gain.difference), ...interval })}
            </span>
          </>
        )}
      </p>
      <p>
        {t(many.vote === null ? 'worth.counts' : 'worth.counts.votes', {
          paths: many.paths,
          many: gain.right,
          one: gain.rightAgainst,
          n: gain.n,
          difference: points(gain.difference),
        })}{' '}
        {verdict !== 'wait' && t(`worth.means.${verdict}`, interval)}{' '}
        {t('worth.cost', { times: fixed(times, 1) })}
      </p>
      {state !== 'done' && <p className="small dim">{t('worth.soFar', { done, wanted })}</p>}
    </section>
  )
}
