import { useEffect, useState } from 'react'
import type { ModelInfo } from '../../engine/protocol/wire.ts'
import { ownEntry } from '../../engine/protocol/own.ts'
import { useT } from '../i18n/index.ts'
import { isInfo, loadInfo, useBundled, useModels } from '../store/models.ts'
import { usePrefs } from '../store/prefs.ts'
import { report } from '../store/toasts.ts'
import { Field } from '../run/Field.tsx'
import { visible } from '../ui/visible.ts'

/** Returns the model of an experiment: the window's at first. Choosing another changes that one alone. */
export function useLabModel(): {
  model: string
  info: ModelInfo | null
  /** It is the bundled model, which plays the numbers game and nothing else. */
  playsNumbers: boolean
  choose: (file: string) => void
} {
  const [picked, choose] = useState<string | null>(null)
  const chosen = usePrefs((s) => s.model)
  const infos = useModels((s) => s.infos)
  const model = picked ?? chosen
  const bundled = useBundled(model)
  useEffect(() => {
    if (model !== '' && ownEntry(useModels.getState().infos, model) === undefined)
      report(loadInfo(model))
  }, [model])
  const found = ownEntry(infos, model)
  const info = isInfo(found) ? found : null
  return {
    model,
    info,
    playsNumbers: info?.scope !== undefined && bundled,
    choose,
  }
}

export function ModelSelect({
  model,
  hint,
  onChange,
}: {
  model: string
  hint?: string | undefined
  onChange(file: string): void
}) {
  const t = useT()
  const list = useModels((s) => s.list)
  const known = list?.some((one) => one.file === model) === true
  return (
    <Field label={t('lab.model')} hint={hint}>
      <select
        className="select"
        value={known ? model : ''}
        onChange={(event) => onChange(event.target.value)}
      >
        {!known && <option value="">{t('lab.noModel')}</option>}
        {list?.map((entry) => (
          <option key={entry.file} value={entry.file} disabled={!entry.present}>
            {visible(entry.name)}
          </option>
        ))}
      </select>
    </Field>
  )
}
