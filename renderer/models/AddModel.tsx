import { FolderOpen, FolderSearch } from 'lucide-react'
import { useState, type DragEvent } from 'react'
import { toBraidError } from '../../engine/protocol/errors.ts'
import { runError } from '../../engine/protocol/events.ts'
import type { Added } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { errorWords, failureWords } from '../i18n/wording.ts'
import { host } from '../store/host.ts'
import { addModel, refreshModels, useModels } from '../store/models.ts'
import { shell } from '../store/shell.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { FoundDialog } from './FoundDialog.tsx'

/** Adds a file or a folder. `several`: what fails is one of several, and refused among them. */
async function addOne(path: string, several: boolean): Promise<Added> {
  const file = async () => {
    const before = useModels.getState().list ?? []
    const entry = await addModel(path)
    const known = before.some((one) => one.file === entry.file)
    return { added: known ? [] : [entry], known: known ? [entry] : [], refused: [] }
  }
  try {
    if (/\.gguf$/i.test(path)) return await file()
    const all = await host.call('models.addFolder', { folder: path }).catch((failure: unknown) => {
      // Not a folder but a file without the extension, such as a blob.
      if (toBraidError(failure).code !== 'model-not-found') throw failure
      return file()
    })
    await refreshModels()
    return all
  } catch (failure) {
    if (!several) throw failure
    return { added: [], known: [], refused: [{ file: path, ...runError(toBraidError(failure)) }] }
  }
}

const both = (a: Added, b: Added): Added => ({
  added: [...a.added, ...b.added],
  known: [...a.known, ...b.known],
  refused: [...a.refused, ...b.refused],
})

/** Says what adding models came to: "3 models added, 1 already there, 1 not usable:". */
function saidOf({ added, known, refused }: Added, t: ReturnType<typeof useT>): string {
  const parts = [
    ...(added.length > 0 || known.length === 0 ? [t('models.added', { count: added.length })] : []),
    ...(known.length > 0 ? [t('models.known', { count: known.length })] : []),
    ...(refused.length > 0 ? [t('models.refused', { count: refused.length })] : []),
  ]
  return t(refused.length > 0 ? 'models.addedWith' : 'models.addedAll', {
    parts: parts.join(t('list.comma')),
  })
}

/** Adds a file or a folder by path, dialog or drop, or models that other programs have. */
export function AddModel({ onAdded }: { onAdded(file: string): void }) {
  const t = useT()
  const [path, setPath] = useState('')
  const [error, setError] = useState<string | null>(null)
  const [done, setDone] = useState<Added | null>(null)
  const [busy, setBusy] = useState(false)
  const [finding, setFinding] = useState(false)
  const desktop = shell()
  const finished = (all: Added) => {
    setDone(all)
    const [first] = [...all.added, ...all.known]
    if (first !== undefined) onAdded(first.file)
    else if (all.refused.length === 0) setError(t('models.emptyFolder'))
  }
  const add = async (...given: string[]) => {
    setBusy(true)
    setError(null)
    setDone(null)
    let all: Added = { added: [], known: [], refused: [] }
    try {
      for (const one of given) all = both(all, await addOne(one, given.length > 1))
      setPath('')
      finished(all)
    } catch (failure) {
      setError(failureWords(failure))
    } finally {
      setBusy(false)
    }
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    const paths = [...event.dataTransfer.files].map((file) => desktop?.pathForFile(file) ?? '')
    if (paths.includes('')) setError(t('models.dropBrowser'))
    else if (paths.length > 0) void add(...paths)
  }
  return (
    <form
      className="panel add-model"
      onSubmit={(event) => {
        event.preventDefault()
        if (path.trim() !== '') void add(path.trim())
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={drop}
    >
      <label className="label small dim" htmlFor="model-path">
        {t('models.add')}
      </label>
      <div className="row wrap">
        <input
          id="model-path"
          className="input mono path-input"
          dir="ltr"
          value={path}
          placeholder="/path/to/model.gguf"
          spellCheck={false}
          aria-invalid={error !== null}
          onChange={(event) => setPath(event.target.value)}
        />
        {desktop !== undefined && (
          <button
            type="button"
            className="btn"
            onClick={() =>
              report(
                desktop.call('pickFile').then((file) => (file === null ? undefined : add(file))),
              )
            }
          >
            <FolderOpen size={14} />
            {t('models.browse')}
          </button>
        )}
        <button type="submit" className="btn primary" disabled={busy || path.trim() === ''}>
          {t('models.addButton')}
        </button>
        <button type="button" className="btn" onClick={() => setFinding(true)}>
          <FolderSearch size={14} />
          {t('models.find')}
        </button>
      </div>
      {error !== null && (
        <p className="callout bad small" role="alert" dir="auto">
          {error}
        </p>
      )}
      {done !== null && (
        <div
          className={`callout ${done.refused.length > 0 ? 'warn' : 'info'} small refused`}
          role={done.refused.length > 0 ? 'alert' : 'status'}
        >
          {saidOf(done, t)}
          {done.refused.length > 0 && (
            <ul>
              {done.refused.map((one) => (
                <li key={one.file}>
                  <bdi className="mono" dir="ltr">
                    {visible(one.file)}
                  </bdi>{' '}
                  <span dir="auto">{visible(errorWords(one))}</span>
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
      <p className="small dim">{t('models.inPlace')}</p>
      {finding && (
        <FoundDialog
          onClose={() => setFinding(false)}
          onAdded={(all) => {
            setFinding(false)
            finished(all)
          }}
        />
      )}
    </form>
  )
}
