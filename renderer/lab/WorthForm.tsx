import { useState, type FormEvent } from 'react'
import { MAX_BUDGET, MAX_PATHS } from '../../engine/protocol/request.ts'
import { useT } from '../i18n/index.ts'
import { failureWords } from '../i18n/wording.ts'
import { Field } from '../run/Field.tsx'
import { NumberField } from '../run/NumberField.tsx'
import { startExperiment, useLab } from '../store/lab.ts'
import { visible } from '../ui/visible.ts'
import { costWords, useEstimate } from './Estimate.tsx'
import { ModelSelect, useLabModel } from './ModelSelect.tsx'
import { ownSet, worthFor, worthSpec, type Worth } from './plan.ts'

/** "Is it worth it?": one path against several of any model, in one click. */
export function WorthForm() {
  const t = useT()
  const sets = useLab((s) => s.sets)
  const { model, info, playsNumbers, choose } = useLabModel()
  const [change, setChange] = useState<Partial<Worth>>({})
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const worth = { ...worthFor(info), ...change }
  const edit = (next: Partial<Worth>) => setChange((before) => ({ ...before, ...next }))
  const set = ownSet(sets, playsNumbers)
  const spec = info === null || set === undefined ? null : worthSpec(worth, model, set.file, info)
  const [cost] = useEstimate(spec)
  const start = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      await startExperiment(t('worth.name', { model: info!.name }), spec!)
    } catch (failure) {
      setError(failureWords(failure))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form
      className="panel worth"
      aria-labelledby="worth"
      noValidate
      onSubmit={(event) => void start(event)}
    >
      <header>
        <h2 id="worth">{t('worth.title')}</h2>
        <span className="small dim worth-text">
          {t('worth.text', { problems: worth.problems })}
        </span>
      </header>
      <div className="body worth-fields">
        <ModelSelect
          model={model}
          hint={t(playsNumbers ? 'worth.numbers' : 'worth.everyday')}
          onChange={choose}
        />
        <Field label={t('worth.with')}>
          <select
            className="select"
            value={worth.strategy}
            onChange={(event) => edit({ strategy: event.target.value as Worth['strategy'] })}
          >
            {(['parallel', 'majority'] as const).map((strategy) => (
              <option key={strategy} value={strategy}>
                {t(`strategy.${strategy}`)}
              </option>
            ))}
          </select>
        </Field>
        <NumberField
          label={t('lab.paths')}
          value={worth.paths}
          min={2}
          max={MAX_PATHS}
          disabled={info === null}
          onChange={(paths) => edit({ paths })}
        />
        <NumberField
          label={t('lab.budget')}
          value={worth.budget}
          min={1}
          max={MAX_BUDGET}
          step={64}
          disabled={info === null}
          onChange={(budget) => edit({ budget })}
        />
        <NumberField
          label={t('lab.problems')}
          value={worth.problems}
          min={1}
          max={40}
          disabled={info === null}
          onChange={(problems) => edit({ problems })}
        />
        <button type="submit" className="btn primary worth-start" disabled={busy || spec === null}>
          {t('worth.start')}
        </button>
      </div>
      {cost !== null && !('error' in cost) && (
        <p className="small dim num lab-note">{costWords(cost)}</p>
      )}
      {error !== null && (
        <p className="callout bad small lab-note" role="alert" dir="auto">
          {visible(error)}
        </p>
      )}
    </form>
  )
}
