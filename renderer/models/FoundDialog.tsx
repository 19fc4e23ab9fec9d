import { useEffect, useState } from 'react'
import type { Added, FoundModel } from '../../engine/protocol/wire.ts'
import { ownEntry } from '../../engine/protocol/own.ts'
import { useT } from '../i18n/index.ts'
import { failureWords } from '../i18n/wording.ts'
import { bytes } from '../i18n/format.ts'
import { host } from '../store/host.ts'
import { refreshModels } from '../store/models.ts'
import { Dialog } from '../ui/Dialog.tsx'
import { visible } from '../ui/visible.ts'

/** Names of other programs, the same in every language. */
const PROGRAMS: Record<string, string> = {
  'lm-studio': 'LM Studio',
  ollama: 'Ollama',
  jan: 'Jan',
  huggingface: 'Hugging Face',
  'llama.cpp': 'llama.cpp',
}

/** Lists the models of other programs and links the selected ones in place. */
export function FoundDialog({ onClose, onAdded }: { onClose(): void; onAdded(all: Added): void }) {
  const t = useT()
  const [found, setFound] = useState<FoundModel[] | null>(null)
  const [off, setOff] = useState<ReadonlySet<string>>(new Set())
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    host.call('models.find', {}).then(setFound, (failure) => setError(failureWords(failure)))
  }, [])
  const wanted = found?.filter((model) => !model.known && !off.has(model.file)) ?? []
  const add = async () => {
    setBusy(true)
    try {
      const all = await host.call('models.addFound', { files: wanted.map(({ file }) => file) })
      await refreshModels()
      onAdded(all)
    } catch (failure) {
      setError(failureWords(failure))
      setBusy(false)
    }
  }
  return (
    <Dialog
      title={t('found.title')}
      onClose={onClose}
      footer={
        <>
          <button type="button" className="btn" onClick={onClose}>
            {t('action.cancel')}
          </button>
          <button
            type="button"
            className="btn primary"
            disabled={busy || wanted.length === 0}
            onClick={() => void add()}
          >
            {t('found.link', { count: wanted.length })}
          </button>
        </>
      }
    >
      {error !== null && (
        <p className="callout bad small" role="alert" dir="auto">
          {error}
        </p>
      )}
      {found === null && error === null && <p className="dim">{t('found.looking')}</p>}
      {found !== null && found.length === 0 && <p className="dim">{t('found.none')}</p>}
      <ul className="found-list model-list">
        {found?.map((model) => (
          <li key={model.file}>
            <label className="check top">
              <input
                type="checkbox"
                disabled={model.known}
                checked={!model.known && !off.has(model.file)}
                onChange={(event) => {
                  const next = new Set(off)
                  if (event.target.checked) next.delete(model.file)
                  else next.add(model.file)
                  setOff(next)
                }}
              />
              <span className="col found-text">
                <span className="row">
                  <bdi className="ellipsis">
                    <strong>{visible(model.name)}</strong>
                  </bdi>
                  {model.program !== undefined && (
                    <span className="pill">
                      {ownEntry(PROGRAMS, model.program) ?? visible(model.program)}
                    </span>
                  )}
                  {model.known && <span className="pill info">{t('found.known')}</span>}
                </span>
                <span className="small dim mono ellipsis" dir="ltr">
                  {visible(model.file)}
                </span>
              </span>
            </label>
            <span className="small dim num">{bytes(model.sizeBytes)}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
