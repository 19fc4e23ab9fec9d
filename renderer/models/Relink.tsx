import { useState } from 'react'
import type { ModelEntry } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { host } from '../store/host.ts'
import { chooseModel, refreshModels } from '../store/models.ts'
import { usePrefs } from '../store/prefs.ts'
import { shell } from '../store/shell.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { useWork } from './work.ts'

/** Asks for the new path of a model whose file has moved. */
export function Relink({ entry, onFound }: { entry: ModelEntry; onFound(file: string): void }) {
  const t = useT()
  const [path, setPath] = useState('')
  const { error, work } = useWork()
  const desktop = shell()
  const relink = (to: string) =>
    work(async () => {
      const { file } = await host.call('models.relink', { file: entry.file, to })
      const chosen = usePrefs.getState().model === entry.file
      await refreshModels()
      if (chosen) await chooseModel(file)
      onFound(file)
    })
  return (
    <section className="panel" aria-labelledby="moved">
      <header>
        <h2 id="moved" className="grow ellipsis">
          <bdi>{visible(entry.name)}</bdi>
        </h2>
      </header>
      <form
        className="body col"
        onSubmit={(event) => {
          event.preventDefault()
          if (path.trim() !== '') void relink(path.trim())
        }}
      >
        <p>{t('relink.text')}</p>
        <p className="small mono dim wrap-any" dir="ltr">
          {visible(entry.file)}
        </p>
        <label className="label small dim" htmlFor="relink-path">
          {t('relink.where')}
        </label>
        <div className="row wrap">
          <input
            id="relink-path"
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
                  desktop
                    .call('pickFile')
                    .then((file) => (file === null ? undefined : relink(file))),
                )
              }
            >
              {t('models.browse')}
            </button>
          )}
          <button type="submit" className="btn primary" disabled={path.trim() === ''}>
            {t('relink.button')}
          </button>
        </div>
        {error !== null && (
          <p className="callout bad small" role="alert" dir="auto">
            {error}
          </p>
        )}
      </form>
    </section>
  )
}
