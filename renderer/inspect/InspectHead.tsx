import { ArrowLeft } from 'lucide-react'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { usePrefs, setPref, type Prefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { usePathNumbers } from '../run/Lanes.tsx'
import { useVersions } from '../run/SummaryCard.tsx'
import { Segmented } from '../ui/Segmented.tsx'

/** `scale`: the text is coloured by how sure the model was. */
export function InspectHead({
  run,
  path,
  version,
  scale,
}: {
  run: string
  path: number
  version: number
  scale: boolean
}) {
  const t = useT()
  const paths = usePathNumbers(run)
  const versions = useVersions(run)
  const heat = usePrefs((s) => s.heat)
  const whitespace = usePrefs((s) => s.whitespace)
  const value = path > 0 ? `p${path}` : `s${version}`
  const show = (next: string) => {
    const n = Number(next.slice(1))
    go(
      next.startsWith('p')
        ? { view: 'inspect', run, path: n, version: 1, at: null }
        : { view: 'inspect', run, path: 0, version: n, at: null },
      { replace: true },
    )
  }
  return (
    <header className="inspect-head row wrap">
      <button type="button" className="btn" onClick={() => go({ view: 'run', run })}>
        <ArrowLeft size={14} className="flip" />
        {t('inspect.back')}
      </button>
      <h1 className="sr">{t('inspect.title')}</h1>
      <Segmented
        label={t('inspect.which')}
        value={value}
        onChange={show}
        options={[
          ...paths.map((one) => ({
            value: `p${one}`,
            label: (
              <span className="pathno" data-path={one}>
                {one}
              </span>
            ),
            name: t('lane.name', { path: one }),
          })),
          ...versions.map((one) => ({
            value: `s${one}`,
            label: t('inspect.summary', { version: one }),
            name: t('summary.version', { version: one }),
          })),
        ]}
      />
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
