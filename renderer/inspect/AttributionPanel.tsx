import { CircleStop } from 'lucide-react'
import { useState } from 'react'
import { numberOf, type SegmentId } from '../../engine/protocol/segments.ts'
import type { Attribution } from '../../engine/protocol/wire.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { integer, share } from '../i18n/format.ts'
import { shortName } from '../i18n/segments.ts'
import { errorWords } from '../i18n/wording.ts'
import { cancelAttribution, useReading } from '../store/attribution.ts'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { Segmented } from '../ui/Segmented.tsx'
import { meanShares } from './attribution.ts'

export interface AttributionLook {
  /** Tokens of the answer, [from, to). */
  answer: readonly [number, number] | null
  /** The token under the pointer or the cursor. */
  token: number
  /** The path whose share colours the text, pinned. */
  picked: SegmentId | null
  onPick(path: SegmentId | null): void
  /** Colours the text by a path while the pointer is on it. */
  onPeek(path: SegmentId | null): void
}

/**
 * Shows which paths a summary attended to, once the user asks: one row per path. Pointing at a row colours the text.
 */
export function AttributionPanel({
  run,
  segment,
  ...look
}: AttributionLook & { run: string; segment: SegmentId }) {
  const t = useT()
  const reading = useReading(run, segment)
  return (
    <section className="panel attribution" aria-label={t('attr.title')}>
      <header>
        <h2 className="grow">{t('attr.title')}</h2>
      </header>
      <div className="body col">
        {reading === undefined && (
          <>
            <p className="small dim">{t('attr.what')}</p>
            <div className="row">
              <CommandButton
                id="run.attribution"
                target={{ run, summary: segment }}
                label="attr.read"
              />
            </div>
          </>
        )}
        {reading?.state === 'reading' && (
          <div className="col" role="group" aria-label={t('attr.reading')}>
            <progress max={1} value={reading.fraction} aria-label={t('attr.reading')} />
            <div className="row">
              <span className="small dim grow">
                {t(reading.cancelling ? 'attr.cancelling' : 'attr.reading')}
              </span>
              <button
                type="button"
                className="btn tiny"
                disabled={reading.cancelling}
                onClick={() => report(cancelAttribution(run, segment))}
              >
                <CircleStop size={13} aria-hidden />
                {t('action.cancel')}
              </button>
            </div>
          </div>
        )}
        {reading?.state === 'failed' && (
          <>
            <p className="callout bad small" role="alert" dir="auto">
              {errorWords(reading.error)}
            </p>
            <div className="row wrap">
              <CommandButton
                id="run.attribution"
                target={{ run, summary: segment }}
                label="attr.again"
              />
              {(reading.error.code === 'model-not-found' ||
                reading.error.code === 'wrong-model') && (
                <button type="button" className="btn" onClick={() => go({ view: 'models' })}>
                  {t('cmd.models')}
                </button>
              )}
            </div>
          </>
        )}
        {reading?.state === 'ready' && <Bars result={reading.result} {...look} />}
      </div>
    </section>
  )
}

function Bars({
  result,
  answer,
  token,
  picked,
  onPick,
  onPeek,
}: AttributionLook & { result: Attribution }) {
  const t = useT()
  const [scope, setScope] = useState<'all' | 'answer'>('all')
  const whole =
    scope === 'answer' && answer !== null ? meanShares(result, ...answer) : meanShares(result)
  const here = result.shares[token]
  const most = Math.max(
    ...result.paths.flatMap((_, i) => [whole[i + 1]!, here?.[i + 1] ?? 0]),
    1e-9,
  )
  const width = (value: number) => ({ inlineSize: `${Math.min(100, (100 * value) / most)}%` })
  return (
    <>
      {answer !== null && (
        <Segmented<'all' | 'answer'>
          label={t('attr.scope')}
          value={scope}
          onChange={setScope}
          options={[
            { value: 'all', label: t('attr.all') },
            { value: 'answer', label: t('attr.answer') },
          ]}
        />
      )}
      <ul className="attr-rows" onMouseLeave={() => onPeek(null)}>
        {result.paths.map(({ segment: path, tokens }, i) => (
          <li key={path}>
            <button
              type="button"
              className="attr-row"
              data-segment={path}
              aria-pressed={picked === path}
              onClick={() => onPick(picked === path ? null : path)}
              onMouseEnter={() => onPeek(path)}
              onFocus={() => onPeek(path)}
              onBlur={() => onPeek(null)}
            >
              <span className="sr">
                {t('attr.row', {
                  path: numberOf(path),
                  share: share(whole[i + 1]!),
                  tokens: integer(tokens),
                  here: share(here?.[i + 1] ?? 0),
                  index: token,
                })}
              </span>
              <span className="pathno" aria-hidden>
                {shortName(path)}
              </span>
              <span className="attr-bars" aria-hidden>
                <span className="attr-bar" style={width(whole[i + 1]!)} />
                <span className="attr-bar here" style={width(here?.[i + 1] ?? 0)} />
              </span>
              <span className="num" aria-hidden>
                {share(whole[i + 1]!)}
              </span>
              <span className="num small dim" aria-hidden>
                {share(here?.[i + 1] ?? 0)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p className="small dim">
        {t('attr.rest', { prompt: share(whole[0]!), own: share(whole.at(-1)!) })}
      </p>
      <p className="small dim">{t('attr.how', { index: token })}</p>
    </>
  )
}
