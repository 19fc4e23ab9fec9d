import { useEffect, useState } from 'react'
import type { LabEstimate, LabSpec } from '../../engine/protocol/wire.ts'
import { duration, fixed, integer } from '../i18n/format.ts'
import { useT } from '../i18n/index.ts'
import { estimate } from '../store/lab.ts'
import { visible } from '../ui/visible.ts'

/** Milliseconds without a change before the host is asked. */
const PAUSE = 300

/** What an experiment costs at most, and its start. The time needs the speed of this machine. */
export function Estimate({
  spec,
  busy,
  error,
  onStart,
}: {
  spec: LabSpec | null
  busy: boolean
  error: string | null
  onStart(spec: LabSpec): void
}) {
  const t = useT()
  const [found, setFound] = useState<LabEstimate | { error: string } | null>(null)
  const [measuring, setMeasuring] = useState(false)
  const asked = spec === null ? null : JSON.stringify(spec)
  useEffect(() => {
    if (asked === null) return
    let left = false
    const timer = setTimeout(() => {
      void estimate(JSON.parse(asked) as LabSpec).then((next) => {
        if (!left) setFound(next)
      })
    }, PAUSE)
    return () => {
      left = true
      clearTimeout(timer)
    }
  }, [asked])
  const cost = spec === null || found === null || 'error' in found ? null : found
  const why = error ?? (spec !== null && found !== null && 'error' in found ? found.error : null)
  return (
    <section className="panel" aria-label={t('estimate.title')}>
      <header>
        <h2 className="grow">{t('estimate.title')}</h2>
      </header>
      <div className="body col">
        <div className="row wrap lab-cost">
          <p className="grow num" data-cost>
            {cost === null
              ? '–'
              : [
                  t('estimate.runs', { count: cost.runs, shown: integer(cost.runs) }),
                  t('estimate.tokens', {
                    tokens: t('unit.tokens', { count: cost.tokens, shown: integer(cost.tokens) }),
                  }),
                  ...(cost.ms === null ? [] : [t('estimate.time', { time: duration(cost.ms) })]),
                ].join(' · ')}
          </p>
          {cost !== null && cost.ms === null && (
            <button
              type="button"
              className="btn"
              disabled={measuring}
              onClick={() => {
                setMeasuring(true)
                void estimate(spec!, true).then((next) => {
                  setMeasuring(false)
                  setFound(next)
                })
              }}
            >
              {t(measuring ? 'estimate.measuring' : 'estimate.measure')}
            </button>
          )}
          <button
            type="button"
            className="btn primary"
            disabled={busy || spec === null}
            onClick={() => onStart(spec!)}
          >
            {t('estimate.start')}
          </button>
        </div>
        {cost !== null && (
          <p className="small dim">
            {cost.ms === null
              ? t('estimate.unknown')
              : t('estimate.at', {
                  speeds: cost.speeds
                    .map(({ paths, tokensPerSecond }) =>
                      t('estimate.speed', {
                        paths: t('unit.paths', { count: paths }),
                        speed: t('unit.speed', {
                          speed: fixed(tokensPerSecond, tokensPerSecond < 10 ? 1 : 0),
                        }),
                      }),
                    )
                    .join(', '),
                })}
          </p>
        )}
        {why !== null && (
          <p className="callout bad small" role="alert" dir="auto">
            {visible(why)}
          </p>
        )}
      </div>
    </section>
  )
}
