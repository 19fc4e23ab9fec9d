import type { TemplateVariables } from '../../engine/protocol/request.ts'
import type { ModelInfo } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { editSettings } from '../store/compose.ts'
import { Field } from './Field.tsx'

/** Fields for the variables that the model's chat template reads; none if it reads none. */
export function TemplateFields({
  values,
  read,
}: {
  values: TemplateVariables
  read: NonNullable<ModelInfo['templateVariables']>
}) {
  const t = useT()
  const set = (change: TemplateVariables) => {
    const templateVariables = { ...values, ...change }
    const some = Object.values(templateVariables).some((value) => value !== undefined)
    editSettings({ templateVariables: some ? templateVariables : undefined })
  }
  const { enable_thinking: thinking, reasoning_effort: effort } = values
  const levels = read.reasoning_effort ?? []
  if (read.enable_thinking !== true && levels.length === 0) return null
  return (
    <fieldset className="fields plain-fieldset">
      <legend>{t('adv.template')}</legend>
      {read.enable_thinking === true && (
        <Field label={t('adv.thinking')}>
          <select
            className="select"
            value={String(thinking ?? '')}
            onChange={({ target: { value } }) =>
              set({ enable_thinking: value === '' ? undefined : value === 'true' })
            }
          >
            <option value="">{t('adv.byTemplate')}</option>
            <option value="true">{t('adv.thinkingOn')}</option>
            <option value="false">{t('adv.thinkingOff')}</option>
          </select>
        </Field>
      )}
      {levels.length > 0 && (
        <Field label={t('adv.effort')}>
          <select
            className="select"
            value={effort ?? ''}
            onChange={({ target: { value } }) =>
              set({ reasoning_effort: value === '' ? undefined : value })
            }
          >
            <option value="">{t('adv.byTemplate')}</option>
            {[...new Set([...levels, ...(effort === undefined ? [] : [effort])])].map((level) => (
              <option key={level} value={level}>
                {level}
              </option>
            ))}
          </select>
        </Field>
      )}
    </fieldset>
  )
}
