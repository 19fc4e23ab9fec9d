import { useEffect, useRef, useState } from 'react'
import { STRATEGIES } from '../../engine/protocol/request.ts'
import { strategiesFor } from '../../engine/protocol/shapes.ts'
import type { LabSpec } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { failureWords } from '../i18n/wording.ts'
import { Field } from '../run/Field.tsx'
import { NumberField } from '../run/NumberField.tsx'
import { inspectSet, startExperiment, useLab } from '../store/lab.ts'
import { report } from '../store/toasts.ts'
import { Segmented } from '../ui/Segmented.tsx'
import { visible } from '../ui/visible.ts'
import { Estimate } from './Estimate.tsx'
import { ModelSelect, useLabModel } from './ModelSelect.tsx'
import { draftFor, faultOf, ownSet, PRESETS, specOf, type Draft, type Preset } from './plan.ts'
import { SetPanel, type ChosenSet } from './SetPanel.tsx'

/** Sets up an experiment: problems, model, what to compare, and what it costs. */
export function NewExperiment({
  preset,
  onPreset,
}: {
  preset: Preset
  onPreset(preset: Preset): void
}) {
  const t = useT()
  const sets = useLab((s) => s.sets)
  const { model, info, playsNumbers, choose } = useLabModel()
  const [chosen, setChosen] = useState<ChosenSet | null>(null)
  const [change, setChange] = useState<Partial<Draft>>({})
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const picked = useRef(false)
  const usual = ownSet(sets, playsNumbers)?.file
  useEffect(() => {
    if (usual === undefined || picked.current) return
    report(
      inspectSet({ file: usual }, {}).then((set) => {
        if (!('error' in set) && !picked.current) setChosen({ set, fields: {} })
      }),
    )
  }, [usual])
  const draft: Draft = { ...draftFor(preset, info), ...change, preset }
  const edit = (next: Partial<Draft>) => setChange((before) => ({ ...before, ...next }))
  const fault = faultOf(draft, info)
  const scorable = chosen === null ? 0 : chosen.set.problems - chosen.set.unscored.count
  const limit = draft.limit === null || draft.limit >= scorable ? null : draft.limit
  const spec =
    fault === null && chosen !== null && info !== null && scorable > 0
      ? specOf({ ...draft, limit }, info, chosen.set, chosen.fields)
      : null
  const title =
    draft.title.trim() !== ''
      ? draft.title.trim()
      : t('new.defaultName', {
          preset: t(`preset.${preset}`),
          model: info?.name ?? '',
          set: chosen?.set.name ?? '',
        })
  const start = async (asked: LabSpec) => {
    setBusy(true)
    setError(null)
    try {
      await startExperiment(title.slice(0, 200), asked)
    } catch (failure) {
      setError(failureWords(failure))
    } finally {
      setBusy(false)
    }
  }
  const hint = (field: keyof Draft, help?: string) =>
    fault?.field === field ? t(...fault.message) : help
  const listField = (field: 'paths' | 'budgets' | 'prefixes', label: string) => (
    <Field label={label} hint={hint(field, t('new.listHint'))}>
      <input
        className="input num"
        value={draft[field]}
        inputMode="numeric"
        aria-invalid={fault?.field === field}
        onChange={(event) => edit({ [field]: event.target.value })}
      />
    </Field>
  )
  return (
    <div className="lab-new">
      <section className="panel" aria-label={t('new.settings')}>
        <header>
          <h2 className="grow">{t('new.settings')}</h2>
          <Segmented<Preset>
            label={t('lab.preset')}
            value={preset}
            onChange={(next) => {
              setChange({})
              onPreset(next)
            }}
            options={PRESETS.map((value) => ({ value, label: t(`preset.${value}`) }))}
          />
        </header>
        <div className="body col">
          <p className="small dim">{t(`preset.${preset}.help`)}</p>
          {fault?.field === 'preset' && <p className="callout warn small">{t(...fault.message)}</p>}
          <ModelSelect
            model={model}
            hint={
              info?.scope === undefined ? undefined : t('lab.about', { scope: visible(info.scope) })
            }
            onChange={choose}
          />
          {preset === 'eval' && (
            <fieldset className="plain-fieldset">
              <legend>{t('new.strategies')}</legend>
              <div className="lab-checks">
                {strategiesFor(info?.forks !== undefined).map((strategy) => (
                  <label key={strategy} className="check">
                    <input
                      type="checkbox"
                      checked={draft.strategies.includes(strategy)}
                      onChange={() =>
                        edit({
                          strategies: STRATEGIES.filter(
                            (one) => (one === strategy) !== draft.strategies.includes(one),
                          ),
                        })
                      }
                    />
                    {t(`strategy.${strategy}`)}
                  </label>
                ))}
              </div>
              {fault?.field === 'strategies' && (
                <p className="small bad-text">{t(...fault.message)}</p>
              )}
            </fieldset>
          )}
          <div className="lab-fields">
            {listField('paths', t('new.paths'))}
            {listField('budgets', t('new.budgets'))}
            {preset === 'tunnel' && listField('prefixes', t('new.prefixes'))}
            <NumberField
              label={t('new.limit')}
              value={limit ?? scorable}
              min={1}
              max={Math.max(1, scorable)}
              onChange={(next) => edit({ limit: next })}
              hint={limit === null ? t('new.limitAll', { count: scorable }) : ''}
            />
            <NumberField
              label={t('new.samples')}
              value={draft.samples}
              min={1}
              max={1000}
              onChange={(samples) => edit({ samples })}
            />
            <NumberField
              label={t('new.jobs')}
              value={draft.jobs}
              min={1}
              max={64}
              hint={t('new.jobsHint')}
              onChange={(jobs) => edit({ jobs })}
            />
            <NumberField
              label={t('new.threads')}
              value={draft.threads || undefined}
              min={1}
              max={512}
              blank={t('adv.automatic')}
              onChange={(threads = 0) => edit({ threads })}
            />
            <Field label={t('new.answer')}>
              <select
                className="select"
                value={draft.answer}
                onChange={(event) => edit({ answer: event.target.value as Draft['answer'] })}
              >
                {(['stated', 'last-number'] as const).map((rule) => (
                  <option key={rule} value={rule}>
                    {t(`new.answer.${rule}`)}
                  </option>
                ))}
              </select>
            </Field>
          </div>
          <Field label={t('new.suffix')}>
            <textarea
              className="textarea lab-suffix"
              rows={2}
              dir="auto"
              value={draft.suffix.trimStart()}
              onChange={(event) =>
                edit({ suffix: event.target.value === '' ? '' : `\n\n${event.target.value}` })
              }
            />
          </Field>
          <Field label={t('new.name')}>
            <input
              className="input"
              value={draft.title}
              placeholder={visible(title)}
              maxLength={200}
              onChange={(event) => edit({ title: event.target.value })}
            />
          </Field>
        </div>
      </section>
      <div className="col lab-detail">
        <SetPanel
          chosen={chosen}
          onChange={(next) => {
            picked.current = true
            setChosen(next)
          }}
        />
        <Estimate spec={spec} busy={busy} error={error} onStart={(asked) => void start(asked)} />
      </div>
    </div>
  )
}
