import type { ReactNode } from 'react'
import { useT } from '../i18n/index.ts'
import { LANGUAGES } from '../i18n/index.ts'
import { useModels } from '../store/models.ts'
import { setPref, usePrefs, type Prefs } from '../store/prefs.ts'
import { Segmented } from '../ui/Segmented.tsx'
import { ShortcutTable } from './ShortcutTable.tsx'
import './settings.css'

export function SettingsView() {
  const t = useT()
  const prefs = usePrefs()
  const app = useModels((s) => s.app)
  return (
    <div className="page scroll">
      <h1 className="page-title">{t('settings.title')}</h1>
      <section className="panel settings" aria-labelledby="look">
        <header>
          <h2 id="look">{t('settings.look')}</h2>
        </header>
        <Line label={t('settings.theme')}>
          <Segmented<Prefs['theme']>
            label={t('settings.theme')}
            value={prefs.theme}
            onChange={(theme) => setPref('theme', theme)}
            options={(['system', 'light', 'dark'] as const).map((value) => ({
              value,
              label: t(`theme.${value}`),
            }))}
          />
        </Line>
        <Line label={t('settings.language')}>
          <select
            className="select"
            aria-label={t('settings.language')}
            value={prefs.language}
            onChange={(event) => setPref('language', event.target.value)}
          >
            <option value="">{t('settings.languageSystem')}</option>
            {LANGUAGES.map(({ code, name }) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        </Line>
        <Line label={t('settings.textSize')}>
          <Segmented<Prefs['textSize']>
            label={t('settings.textSize')}
            value={prefs.textSize}
            onChange={(size) => setPref('textSize', size)}
            options={(['small', 'normal', 'large', 'larger'] as const).map((value) => ({
              value,
              label: t(`text.${value}`),
            }))}
          />
        </Line>
        <Line label={t('settings.motion')}>
          <Segmented<Prefs['motion']>
            label={t('settings.motion')}
            value={prefs.motion}
            onChange={(motion) => setPref('motion', motion)}
            options={(['system', 'reduce'] as const).map((value) => ({
              value,
              label: t(`motion.${value}`),
            }))}
          />
        </Line>
        <Line label={t('settings.follow')} hint={t('settings.followHelp')}>
          <label className="check">
            <input
              type="checkbox"
              checked={prefs.followLive}
              onChange={(event) => setPref('followLive', event.target.checked)}
            />
            {t('settings.followOn')}
          </label>
        </Line>
      </section>
      <section className="panel settings" aria-labelledby="conversations">
        <header>
          <h2 id="conversations">{t('sidebar.title')}</h2>
        </header>
        <Line label={t('settings.titles')} hint={t('settings.titlesHelp')}>
          <label className="check">
            <input
              type="checkbox"
              checked={prefs.titles}
              onChange={(event) => setPref('titles', event.target.checked)}
            />
            {t('settings.titlesOn')}
          </label>
        </Line>
      </section>
      <section className="panel settings" aria-labelledby="programs">
        <header>
          <h2 id="programs">{t('settings.programs')}</h2>
        </header>
        <Line label={t('settings.programsRun')} hint={t('settings.programsHelp')}>
          <label className="check">
            <input
              type="checkbox"
              checked={prefs.runPrograms}
              onChange={(event) => setPref('runPrograms', event.target.checked)}
            />
            {t('settings.programsOn')}
          </label>
        </Line>
      </section>
      <ShortcutTable />
      <section className="panel settings" aria-labelledby="about">
        <header>
          <h2 id="about">{t('settings.about')}</h2>
        </header>
        <Line label={t('settings.version')}>
          <span className="mono">{app?.version ?? '–'}</span>
        </Line>
        <Line label="llama.cpp">
          <span className="mono">{app?.llama ?? '–'}</span>
        </Line>
        <Line label={t('settings.data')} hint={t('settings.dataHelp')}>
          <span className="mono wrap-any" dir="ltr">
            {app?.dataFolder ?? '–'}
          </span>
        </Line>
      </section>
    </div>
  )
}

function Line({ label, hint, children }: { label: string; hint?: string; children: ReactNode }) {
  return (
    <div className="setting">
      <div>
        <div>{label}</div>
        {hint !== undefined && <div className="small dim">{hint}</div>}
      </div>
      <div className="setting-value">{children}</div>
    </div>
  )
}
