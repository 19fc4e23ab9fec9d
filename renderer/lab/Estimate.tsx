import { useEffect, useState } from 'react'
import type { LabEstimate, LabSpec } from '../../engine/protocol/wire.ts'
import { duration, fixed, integer } from '../i18n/format.ts'
import { t, useT } from '../i18n/index.ts'
import { estimate } from '../store/lab.ts'
import { visible } from '../ui/visible.ts'

/** Milliseconds without a change before the host is asked. */
const PAUSE = 300

type Found = LabEstimate | { error: string } | null

/** Returns what an experiment costs at most, asked for again after each change; and how to set it. */
export function useEstimate(spec: LabSpec | null): [Found, (found: Found) => void] {
  const [found, setFound] = useState<Found>(null)
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
  return [spec === null ? null : found, setFound]
}

/** Returns a cost in words: runs, tokens, and the time if the speed is known. */
export const costWords = ({ runs, tokens, ms }: LabEstimate): string =>
  [
    t('estimate.runs', { count: runs, shown: integer(runs) }),
    t('estimate.tokens', { tokens: t('unit.tokens', { count: tokens, shown: integer(tokens) }) }),
    ...(ms === null ? [] : [t('estimate.time', { time: duration(ms) })]),
  ].join(' · ')

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
  useT()
  const [found, setFound] = useEstimate(spec)
  const [measuring, setMeasuring] = useState(false)
  const cost = found === null || 'error' in found ? null : found
  const why = error ?? (found !== null && 'error' in found ? found.error : null)
  return (
    <section className="panel" aria-label={t('estimate.title')}>
      <header>
        <h2 className="grow">{t('estimate.title')}</h2>
      </header>
      <div className="body col">
        <div className="row wrap lab-cost">
          <p className="grow num" data-cost>
            {cost === null ? '–' : costWords(cost)}
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
