import { ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { useT } from '../i18n/index.ts'
import { addServerModel, askServer } from '../store/models.ts'
import { visible } from '../ui/visible.ts'
import { useWork } from './work.ts'

interface Asked {
  server: string
  models: string[]
  kept: 'keychain' | 'memory' | null
}

/** Adds a model on a server: its address and key, then one of the models that it lists. */
export function AddServer({ onAdded }: { onAdded(place: string): void }) {
  const t = useT()
  const [url, setUrl] = useState('')
  const [key, setKey] = useState('')
  const [asked, setAsked] = useState<Asked | null>(null)
  const [model, setModel] = useState('')
  const { busy, error, work } = useWork()
  const ask = () =>
    work(async () => {
      setAsked(null)
      const { server, models, kept } = await askServer(url.trim(), key.trim())
      setAsked({ server, models, kept: key.trim() === '' ? null : kept ? 'keychain' : 'memory' })
      setModel(models[0] ?? '')
      setKey('')
    })
  const add = (server: string) =>
    work(async () => {
      const entry = await addServerModel(server, model)
      setAsked(null)
      setUrl('')
      onAdded(entry.file)
    })
  return (
    <details className="panel add-model advanced">
      <summary className="small">
        <ChevronRight size={14} aria-hidden className="chevron" />
        {t('server.title')}
      </summary>
      <form
        className="col tight token-body"
        onSubmit={(event) => {
          event.preventDefault()
          if (url.trim() !== '' && !busy) void ask()
        }}
      >
        <div className="row wrap">
          <input
            className="input mono path-input"
            dir="ltr"
            aria-label={t('server.url')}
            value={url}
            placeholder="http://127.0.0.1:8080"
            spellCheck={false}
            aria-invalid={error !== null}
            onChange={(event) => {
              setUrl(event.target.value)
              setAsked(null)
            }}
          />
          <input
            className="input mono key-input"
            type="password"
            autoComplete="off"
            aria-label={t('server.key')}
            value={key}
            placeholder={`${t('server.key')} (${t('server.keyHint')})`}
            onChange={(event) => setKey(event.target.value)}
          />
          <button type="submit" className="btn" disabled={busy || url.trim() === ''}>
            {t('server.ask')}
          </button>
        </div>
        {asked !== null && asked.models.length > 0 && (
          <div className="row wrap">
            <select
              className="select path-input"
              aria-label={t('server.model')}
              value={model}
              onChange={(event) => setModel(event.target.value)}
            >
              {asked.models.map((name) => (
                <option key={name} value={name}>
                  {visible(name)}
                </option>
              ))}
            </select>
            <button
              type="button"
              className="btn primary"
              disabled={busy}
              onClick={() => void add(asked.server)}
            >
              {t('server.add')}
            </button>
          </div>
        )}
        {asked !== null && asked.models.length === 0 && (
          <p className="small dim" role="status">
            {t('server.none')}
          </p>
        )}
        {error !== null && (
          <p className="callout bad small" role="alert" dir="auto">
            {error}
          </p>
        )}
        <p className="small dim" role="status">
          {busy
            ? t('server.asking')
            : asked?.kept
              ? t(`server.kept.${asked.kept}`)
              : t('server.note')}
        </p>
      </form>
    </details>
  )
}
