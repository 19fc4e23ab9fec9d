import { ArrowLeft } from 'lucide-react'
import { useLayoutEffect, useRef } from 'react'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { segmentName, shortName } from '../i18n/segments.ts'
import { usePrefs, setPref, type Prefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { usePaths } from '../run/Lanes.tsx'
import { useSummaries } from '../run/SummaryCard.tsx'
import { Segmented } from '../ui/Segmented.tsx'

/**
 * The head of the token view. `scale`: shows the colour scale, since the text is coloured by how sure the model was.
 */
export function InspectHead({
  run,
  segment,
  scale,
}: {
  run: string
  segment: SegmentId
  scale: boolean
}) {
  const t = useT()
  const paths = usePaths(run)
  const summaries = useSummaries(run)
  const heat = usePrefs((s) => s.heat)
  const whitespace = usePrefs((s) => s.whitespace)
  const which = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    which
      .current!.querySelector('[aria-checked=true]')!
      .scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [segment])
  return (
    <header className="inspect-head row">
      <button type="button" className="btn" onClick={() => go({ view: 'run', run })}>
        <ArrowLeft size={14} className="flip" />
        {t('inspect.back')}
      </button>
      <h1 className="sr">{t('inspect.title')}</h1>
      <div ref={which} className="inspect-which scroll">
        <Segmented
          label={t('inspect.which')}
          value={segment}
          onChange={(next) =>
            go({ view: 'inspect', run, segment: next, at: null }, { replace: true })
          }
          options={[
            ...paths.map((one) => ({
              value: one,
              label: (
                <span className="pathno" data-segment={one}>
                  {shortName(one)}
                </span>
              ),
              name: segmentName(one),
            })),
            ...summaries.map((one) => ({
              value: one,
              label: shortName(one),
              name: segmentName(one),
            })),
          ]}
        />
      </div>
      <span className="grow" />
      {scale && (
        <span className="legend" aria-hidden>
          {t('inspect.sure')}
          {[0, 1, 2, 3, 4, 5, 6, 7].map((level) => (
            <span key={level} className={`tok h${level}`} />
          ))}
          {t('inspect.unsure')}
        </span>
      )}
      <Segmented<Prefs['heat']>
        label={t('inspect.heat')}
        value={heat}
        onChange={(next) => setPref('heat', next)}
        options={(['logprob', 'entropy', 'none'] as const).map((one) => ({
          value: one,
          label: t(`heat.${one}`),
        }))}
      />
      <button
        type="button"
        className="btn"
        aria-pressed={whitespace}
        onClick={() => setPref('whitespace', !whitespace)}
      >
        {t('inspect.whitespace')}
      </button>
      <CommandButton id="run.comparePaths" />
    </header>
  )
}
