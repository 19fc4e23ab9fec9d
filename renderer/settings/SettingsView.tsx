import { useT } from '../i18n/index.ts'
import { LANGUAGES } from '../i18n/index.ts'
import { useModels } from '../store/models.ts'
import { setPref, usePrefs, type Prefs } from '../store/prefs.ts'
import { Segmented } from '../ui/Segmented.tsx'
import { Api } from './Api.tsx'
import { Line } from './Line.tsx'
import { NewRuns } from './NewRuns.tsx'
import { ShortcutTable } from './ShortcutTable.tsx'
import { Storage } from './Storage.tsx'
import { Switch } from './Switch.tsx'
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
        <Switch
          pref="followLive"
          label={t('settings.follow')}
          hint={t('settings.followHelp')}
          on={t('settings.followOn')}
        />
      </section>
      <NewRuns />
      <section className="panel settings" aria-labelledby="conversations">
        <header>
          <h2 id="conversations">{t('sidebar.title')}</h2>
        </header>
        <Switch
          pref="titles"
          label={t('settings.titles')}
          hint={t('settings.titlesHelp')}
          on={t('settings.titlesOn')}
        />
      </section>
      <section className="panel settings" aria-labelledby="programs">
        <header>
          <h2 id="programs">{t('settings.programs')}</h2>
        </header>
        <Switch
          pref="runPrograms"
          label={t('settings.programsRun')}
          hint={t('settings.programsHelp')}
          on={t('settings.programsOn')}
        />
      </section>
      <Api />
      <Storage />
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
