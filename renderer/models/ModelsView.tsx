import { FolderOpen, Trash2 } from 'lucide-react'
import { useEffect, useState, type DragEvent } from 'react'
import { toBraidError } from '../../engine/protocol/errors.ts'
import { useT } from '../i18n/index.ts'
import { bytes } from '../i18n/format.ts'
import { addModel, chooseModel, loadInfo, removeModel, useModels } from '../store/models.ts'
import { usePrefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { shell } from '../store/shell.ts'
import { report } from '../store/toasts.ts'
import { Tip } from '../ui/Tip.tsx'
import { visible } from '../ui/visible.ts'
import { ModelFacts } from './ModelFacts.tsx'
import './models.css'

/** GGUF files that Braid knows: used where they lie, never copied. */
export function ModelsView() {
  const t = useT()
  const list = useModels((s) => s.list)
  const chosen = usePrefs((s) => s.model)
  const [shown, setShown] = useState<string | null>(null)
  const file = shown ?? (chosen === '' ? null : chosen)
  useEffect(() => { if (file !== null) report(loadInfo(file)) }, [file])
  return (
    <div className="page scroll">
      <h1 className="page-title">{t('models.title')}</h1>
      <AddModel onAdded={setShown} />
      <div className="models">
        <section className="panel" aria-label={t('models.list')}>
          {list !== null && list.length === 0 && <p className="body dim">{t('models.none')}</p>}
          <ul className="model-list">
            {list?.map((entry) => (
              <li key={entry.file} className={entry.file === file ? 'model-row current' : 'model-row'}>
                <button type="button" className="model-pick" aria-pressed={entry.file === file} onClick={() => setShown(entry.file)}>
                  <span className="row"><bdi className="ellipsis"><strong>{visible(entry.name)}</strong></bdi>
                    {entry.file === chosen && <span className="pill info">{t('models.inUse')}</span>}
                    {entry.bundled && <span className="pill">{t('models.bundled')}</span>}
                    {!entry.present && <span className="pill bad">{t('model.gone')}</span>}
                  </span>
                  <span className="small dim ellipsis mono" dir="ltr">{visible(entry.file)}</span>
                </button>
                <span className="small dim num">{bytes(entry.sizeBytes)}</span>
                {!entry.bundled && <Tip text={t('models.forget')}><button type="button" className="btn quiet icon tiny" aria-label={t('models.forgetName', { name: visible(entry.name) })} onClick={() => report(removeModel(entry.file))}><Trash2 size={14} /></button></Tip>}
              </li>
            ))}
          </ul>
        </section>
        {file !== null && list?.some((entry) => entry.file === file) && (
          <ModelFacts file={file} actions={<button type="button" className="btn primary" disabled={!list.find((entry) => entry.file === file)!.present}
            onClick={() => { report(chooseModel(file)); go({ view: 'compose' }) }}>{t('models.use')}</button>} />
        )}
      </div>
    </div>
  )
}

function AddModel({ onAdded }: { onAdded(file: string): void }) {
  const t = useT()
  const [path, setPath] = useState('')
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const pick = shell()?.pickFile
  const add = async (file: string) => {
    setBusy(true)
    setError(null)
    try {
      onAdded((await addModel(file)).file)
      setPath('')
    } catch (failure) {
      setError(toBraidError(failure).message)
    } finally {
      setBusy(false)
    }
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    const [file] = event.dataTransfer.files
    const dropped = file && shell()?.pathForFile?.(file)
    if (dropped) void add(dropped)
    else if (file) setError(t('models.dropBrowser'))
  }
  return (
    <form className="panel add-model" onSubmit={(event) => { event.preventDefault(); if (path.trim() !== '') void add(path.trim()) }} onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <label className="label small dim" htmlFor="model-path">{t('models.add')}</label>
      <div className="row">
        <input id="model-path" className="input mono" dir="ltr" value={path} placeholder="/path/to/model.gguf" spellCheck={false} aria-invalid={error !== null} onChange={(event) => setPath(event.target.value)} />
        {pick !== undefined && <button type="button" className="btn" onClick={() => report(pick().then((file) => (file === null ? undefined : add(file))))}><FolderOpen size={14} />{t('models.browse')}</button>}
        <button type="submit" className="btn primary" disabled={busy || path.trim() === ''}>{t('models.addButton')}</button>
      </div>
      {error !== null && <p className="callout bad small" role="alert" dir="auto">{error}</p>}
      <p className="small dim">{t('models.inPlace')}</p>
    </form>
  )
}
