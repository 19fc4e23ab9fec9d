import { FolderOpen } from 'lucide-react'
import { useState } from 'react'
import type { ConvertType } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { failureWords } from '../i18n/wording.ts'
import { host } from '../store/host.ts'
import { taskStarted } from '../store/models.ts'
import { shell } from '../store/shell.ts'
import { report } from '../store/toasts.ts'
import { ConvertTypeField } from './ConvertTypeField.tsx'

/** Converts a Hugging Face folder to a GGUF file, with thought tables and control tokens. */
export function ConvertForm() {
  const t = useT()
  const [folder, setFolder] = useState('')
  const [type, setType] = useState<ConvertType>('q8_0')
  const [error, setError] = useState<string | null>(null)
  const desktop = shell()
  const start = async () => {
    setError(null)
    try {
      taskStarted(await host.call('models.convert', { folder: folder.trim(), type }))
    } catch (failure) {
      setError(failureWords(failure))
    }
  }
  return (
    <form
      className="panel add-model convert"
      onSubmit={(event) => {
        event.preventDefault()
        void start()
      }}
    >
      <p>{t('convert.text')}</p>
      <div className="field">
        <label className="label" htmlFor="convert-folder">
          {t('convert.folder')}
        </label>
        <div className="row">
          <input
            id="convert-folder"
            className="input mono"
            dir="ltr"
            value={folder}
            placeholder="/path/to/ParaThinker-1.5B"
            spellCheck={false}
            onChange={(event) => setFolder(event.target.value)}
          />
          {desktop !== undefined && (
            <button
              type="button"
              className="btn"
              onClick={() =>
                report(
                  desktop.call('pickFolder').then((path) => {
                    if (path !== null) setFolder(path)
                  }),
                )
              }
            >
              <FolderOpen size={14} />
              {t('models.browse')}
            </button>
          )}
        </div>
        <span className="hint">{t('convert.folderHint')}</span>
      </div>
      <ConvertTypeField label={t('convert.type')} value={type} onChange={setType} />
      {error !== null && (
        <p className="callout bad small" role="alert" dir="auto">
          {error}
        </p>
      )}
      <div className="row">
        <button type="submit" className="btn primary" disabled={folder.trim() === ''}>
          {t('convert.start')}
        </button>
      </div>
    </form>
  )
}
