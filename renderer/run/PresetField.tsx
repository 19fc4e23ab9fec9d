import { Save, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useT } from '../i18n/index.ts'
import { edit, useCompose } from '../store/compose.ts'
import { setPref, usePrefs } from '../store/prefs.ts'
import { BUILT_IN, presetSettings } from '../store/presets.ts'
import { Dialog } from '../ui/Dialog.tsx'
import { Tip } from '../ui/Tip.tsx'
import { visible } from '../ui/visible.ts'

/** Chooses a preset, which is named settings: five come with Braid, and the user can save more. */
export function PresetField() {
  const t = useT()
  const chosen = useCompose((s) => s.preset)
  const settings = useCompose((s) => s.settings)
  const own = usePrefs((s) => s.presets)
  const [naming, setNaming] = useState<string | null>(null)
  const choose = (id: string) => {
    const found = presetSettings(id, own)
    edit({ settings: found ?? {}, preset: found === undefined ? null : id })
  }
  const save = () => {
    const preset = {
      id: `own-${Date.now().toString(36)}`,
      name: naming!.trim().slice(0, 80),
      settings,
    }
    setPref('presets', [...own, preset])
    edit({ preset: preset.id })
    setNaming(null)
  }
  const mine = own.some((one) => one.id === chosen)
  return (
    <div className="field">
      <label className="label" htmlFor="preset">
        {t('compose.preset')}
      </label>
      <div className="row">
        <select
          id="preset"
          className="select"
          value={chosen ?? ''}
          onChange={(event) => choose(event.target.value)}
        >
          <option value="">
            {t(Object.keys(settings).length === 0 ? 'preset.model' : 'preset.custom')}
          </option>
          <PresetOptions />
        </select>
        {mine ? (
          <Tip text={t('preset.remove')}>
            <button
              type="button"
              className="btn icon"
              aria-label={t('preset.remove')}
              onClick={() => {
                setPref(
                  'presets',
                  own.filter((one) => one.id !== chosen),
                )
                edit({ preset: null })
              }}
            >
              <Trash2 size={14} />
            </button>
          </Tip>
        ) : (
          <Tip text={t('preset.save')}>
            <button
              type="button"
              className="btn icon"
              aria-label={t('preset.save')}
              onClick={() => setNaming('')}
            >
              <Save size={14} />
            </button>
          </Tip>
        )}
      </div>
      <span className="hint">{t('compose.presetHelp')}</span>
      {naming !== null && (
        <Dialog
          title={t('preset.save')}
          onClose={() => setNaming(null)}
          footer={
            <button
              type="button"
              className="btn primary"
              disabled={naming.trim() === ''}
              onClick={save}
            >
              {t('action.save')}
            </button>
          }
        >
          <label className="field">
            <span className="label">{t('preset.name')}</span>
            <input
              className="input"
              autoFocus
              value={naming}
              maxLength={80}
              onChange={(event) => setNaming(event.target.value)}
              onKeyDown={(event) => {
                if (
                  event.key === 'Enter' &&
                  !event.nativeEvent.isComposing &&
                  naming.trim() !== ''
                ) {
                  event.preventDefault()
                  save()
                }
              }}
            />
          </label>
        </Dialog>
      )}
    </div>
  )
}

/** The presets as options of a select. */
export function PresetOptions() {
  const t = useT()
  const own = usePrefs((s) => s.presets)
  return (
    <>
      {BUILT_IN.map((one) => (
        <option key={one.id} value={one.id}>
          {t(`preset.${one.id}`)}
        </option>
      ))}
      {own.map((one) => (
        <option key={one.id} value={one.id}>
          {visible(one.name)}
        </option>
      ))}
    </>
  )
}
