import { FolderOpen, FolderSearch } from 'lucide-react'
import { useState, type DragEvent } from 'react'
import { toBraidError } from '../../engine/protocol/errors.ts'
import type { ModelEntry, Refused } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { failureWords } from '../i18n/wording.ts'
import { host } from '../store/host.ts'
import { addModel, refreshModels } from '../store/models.ts'
import { shell } from '../store/shell.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { FoundDialog } from './FoundDialog.tsx'

async function addOne(path: string): Promise<{ added: ModelEntry[]; refused: Refused[] }> {
  if (/\.gguf$/i.test(path)) return { added: [await addModel(path)], refused: [] }
  const result = await host
    .call('models.addFolder', { folder: path })
    .catch(async (failure: unknown) => {
      // Not a folder but a file without the extension, such as a blob.
      if (toBraidError(failure).code !== 'model-not-found') throw failure
      return { added: [await addModel(path)], refused: [] }
    })
  await refreshModels()
  return result
}

/** Adds a file or a folder by path, dialog or drop, or models that other programs have. */
export function AddModel({ onAdded }: { onAdded(file: string): void }) {
  const t = useT()
  const [path, setPath] = useState('')
  const [error, setError] = useState<string | null>(null)
  const [refused, setRefused] = useState<Refused[]>([])
  const [busy, setBusy] = useState(false)
  const [finding, setFinding] = useState(false)
  const desktop = shell()
  const add = async (...given: string[]) => {
    setBusy(true)
    setError(null)
    setRefused([])
    for (const one of given) {
      try {
        const result = await addOne(one)
        setRefused((before) => [...before, ...result.refused])
        if (result.added[0] !== undefined) onAdded(result.added[0].file)
        else if (result.refused.length === 0) setError(t('models.emptyFolder'))
        setPath('')
      } catch (failure) {
        const message = failureWords(failure)
        if (given.length === 1) setError(message)
        else
          setRefused((before) => [
            ...before,
            { file: one, code: toBraidError(failure).code, message },
          ])
      }
    }
    setBusy(false)
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
      {refused.length > 0 && (
        <div className="callout warn small refused" role="alert">
          <ul>
            {refused.map((one) => (
              <li key={one.file}>
                <bdi className="mono" dir="ltr">
                  {visible(one.file)}
                </bdi>{' '}
                <span dir="auto">{visible(one.message)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      <p className="small dim">{t('models.inPlace')}</p>
      {finding && (
        <FoundDialog
          onClose={() => setFinding(false)}
          onAdded={(file, bad) => {
            setFinding(false)
            setRefused(bad)
            if (file !== undefined) onAdded(file)
          }}
        />
      )}
    </form>
  )
}
