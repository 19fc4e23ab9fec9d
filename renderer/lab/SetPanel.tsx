import { FileUp } from 'lucide-react'
import { useState } from 'react'
import type { LabSet, LabSpec, Params } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { Field } from '../run/Field.tsx'
import { inspectSet, useLab } from '../store/lab.ts'
import { visible } from '../ui/visible.ts'

export interface ChosenSet {
  set: LabSet
  fields: LabSpec['fields']
}

/** Chooses a problem set and shows what was found in it. */
export function SetPanel({
  chosen,
  onChange,
}: {
  chosen: ChosenSet | null
  onChange(next: ChosenSet): void
}) {
  const t = useT()
  const sets = useLab((s) => s.sets)
  const [path, setPath] = useState('')
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const read = async (set: Params<'lab.inspect'>['set'], fields: LabSpec['fields'] = {}) => {
    setBusy(true)
    const found = await inspectSet(set, fields)
    setBusy(false)
    if ('error' in found) setError(found.error)
    else {
      setError(null)
      onChange({ set: found, fields })
    }
  }
  const set = chosen?.set
  const listed = sets.some(({ file }) => file === set?.file)
  return (
    <section className="panel" aria-label={t('new.set')}>
      <header>
        <h2 className="grow">{t('new.set')}</h2>
        {set !== undefined && (
          <span className="small dim num">{t('new.count', { count: set.problems })}</span>
        )}
      </header>
      <div className="body col lab-set">
        <Field label={t('new.choose')}>
          <select
            className="select"
            value={listed ? set!.file : ''}
            disabled={busy}
            onChange={(event) => void read({ file: event.target.value })}
          >
            {!listed && <option value="">{set === undefined ? '' : visible(set.name)}</option>}
            {sets.map(({ file, name, own }) => (
              <option key={file} value={file}>
                {own ? t('new.own', { name }) : visible(name)}
              </option>
            ))}
          </select>
        </Field>
        <form
          className="field"
          onSubmit={(event) => {
            event.preventDefault()
            if (path.trim() !== '') void read({ file: path.trim() })
          }}
        >
          <label className="label" htmlFor="set-path">
            {t('new.path')}
          </label>
          <span className="row wrap">
            <input
              id="set-path"
              className="input mono path-input"
              dir="ltr"
              value={path}
              spellCheck={false}
              placeholder="/path/to/problems.jsonl"
              onChange={(event) => setPath(event.target.value)}
            />
            <button type="submit" className="btn" disabled={busy || path.trim() === ''}>
              {t('new.read')}
            </button>
            <label className="btn">
              <FileUp size={14} aria-hidden />
              {t('new.upload')}
              <input
                type="file"
                className="sr"
                accept=".jsonl,.json"
                aria-label={t('new.upload')}
                onChange={(event) => {
                  const [file] = event.target.files!
                  if (file !== undefined)
                    void file.text().then((content) => read({ name: file.name, content }))
                  event.target.value = ''
                }}
              />
            </label>
          </span>
          <span className="hint">{t('new.format')}</span>
        </form>
        {error !== null && (
          <p className="callout bad small" role="alert" dir="auto">
            {visible(error)}
          </p>
        )}
        {chosen !== null && (
          <Found
            chosen={chosen}
            onFields={(fields) => void read({ file: chosen.set.file }, fields)}
          />
        )}
      </div>
    </section>
  )
}

function Found({
  chosen: { set, fields },
  onFields,
}: {
  chosen: ChosenSet
  onFields(fields: LabSpec['fields']): void
}) {
  const t = useT()
  const { found, unscored } = set
  const field = (name: 'problem' | 'answer', value: string) => (
    <Field label={t(`new.${name}Field`)}>
      <select
        className="select"
        value={value}
        onChange={(event) => onFields({ ...fields, [name]: event.target.value })}
      >
        {!found.includes(value) && <option value={value}>{visible(value)}</option>}
        {found.map((one) => (
          <option key={one} value={one}>
            {visible(one)}
          </option>
        ))}
      </select>
    </Field>
  )
  return (
    <>
      <div className="lab-fields">
        {field('problem', set.problemField)}
        {field('answer', set.answerField)}
      </div>
      {unscored.count > 0 && (
        <p className="callout warn small">
          {t('new.unscored', {
            count: unscored.count,
            first: `${unscored.first.join(', ')}${unscored.count > unscored.first.length ? ', …' : ''}`,
          })}
        </p>
      )}
      <ul className="lab-samples">
        {set.samples.map((sample) => (
          <li key={sample.problem}>
            <span className="small dim num">{t('new.sample', { number: sample.problem + 1 })}</span>
            <p className="lab-sample" dir="auto">
              {visible(sample.text)}
            </p>
            <span className="row wrap small">
              <span className={sample.expected === null ? 'dim' : ''} dir="auto">
                {sample.expected === null
                  ? t('new.noExpected')
                  : t('new.expected', { answer: visible(sample.expected) })}
              </span>
              {sample.expected !== null && (
                <span className={`pill ${sample.scores ? 'ok' : 'bad'}`}>
                  {t(sample.scores ? 'new.scores' : 'new.scoresNot')}
                </span>
              )}
            </span>
          </li>
        ))}
      </ul>
    </>
  )
}
