import { MAX_BUDGET, MAX_PATHS } from '../../engine/protocol/request.ts'
import { useT } from '../i18n/index.ts'
import { Field } from '../run/Field.tsx'
import { ModelPicker } from '../run/ModelPicker.tsx'
import { NumberField } from '../run/NumberField.tsx'
import { setPref, usePrefs, type Prefs } from '../store/prefs.ts'

/** What a new run begins with. The composer's own settings and presets come before it. */
export function NewRuns() {
  const t = useT()
  const defaults = usePrefs((s) => s.defaults)
  const set = (change: Prefs['defaults']) => setPref('defaults', { ...defaults, ...change })
  return (
    <section className="panel settings" aria-labelledby="new-runs">
      <header>
        <h2 id="new-runs">{t('settings.newRuns')}</h2>
      </header>
      <div className="body col">
        <p className="small dim">{t('settings.newRunsHelp')}</p>
        <div className="fields">
          <ModelPicker />
          <NumberField
            label={t('compose.paths')}
            value={defaults.paths}
            min={1}
            max={MAX_PATHS}
            blank={t('settings.byModel')}
            onChange={(paths) => set({ paths })}
          />
          <NumberField
            label={t('compose.budget')}
            value={defaults.budget}
            min={1}
            max={MAX_BUDGET}
            step={256}
            blank={t('settings.byModel')}
            hint={t('compose.budgetHelp')}
            onChange={(budget) => set({ budget })}
          />
          <NumberField
            label={t('adv.threads')}
            value={defaults.engine?.threads}
            min={1}
            max={512}
            blank={t('adv.automatic')}
            hint={t('adv.threadsHelp')}
            onChange={(threads) => set({ engine: threads === undefined ? undefined : { threads } })}
          />
        </div>
        <Field label={t('adv.system')} hint={t('adv.systemHelp')}>
          <textarea
            className="textarea"
            rows={3}
            dir="auto"
            value={defaults.system ?? ''}
            onChange={(event) => set({ system: event.target.value || undefined })}
          />
        </Field>
      </div>
    </section>
  )
}
