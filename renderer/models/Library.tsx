import { ListX, Trash2 } from 'lucide-react'
import { useEffect, useState } from 'react'
import type { ModelEntry } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { bytes } from '../i18n/format.ts'
import { chooseModel, loadInfo, removeModel, showTab, useModels } from '../store/models.ts'
import { usePrefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { Dialog } from '../ui/Dialog.tsx'
import { Tip } from '../ui/Tip.tsx'
import { visible } from '../ui/visible.ts'
import { AddModel } from './AddModel.tsx'
import { AddServer } from './AddServer.tsx'
import { FitPill } from './FitPill.tsx'
import { ModelFacts } from './ModelFacts.tsx'
import { Relink } from './Relink.tsx'

/** What happens to a model that is taken off the list. */
const REMOVED = {
  bundled: 'models.removeLinked',
  link: 'models.removeLinked',
  download: 'models.removeOwn',
  server: 'models.removeServer',
} as const

/** Lists the models of this machine, which are used in place and never copied. */
export function Library() {
  const t = useT()
  const list = useModels((s) => s.list)
  const loaded = useModels((s) => s.loaded)
  const chosen = usePrefs((s) => s.model)
  const [shown, setShown] = useState<string | null>(null)
  const [removing, setRemoving] = useState<ModelEntry | null>(null)
  const file = shown !== null && list?.some((entry) => entry.file === shown) ? shown : chosen
  const entry = list?.find((one) => one.file === file)
  useEffect(() => {
    if (entry?.present === true) report(loadInfo(entry.file))
  }, [entry])
  const remove = (model: ModelEntry, deleteFiles: boolean) => {
    report(removeModel(model.file, deleteFiles))
    setRemoving(null)
  }
  return (
    <>
      <AddModel onAdded={setShown} />
      <AddServer onAdded={setShown} />
      <div className="models">
        <section className="panel" aria-label={t('models.list')}>
          {list !== null && list.length === 0 && (
            <div className="body col models-empty">
              <p className="dim">{t('models.none')}</p>
              <div className="row">
                <button type="button" className="btn" onClick={() => showTab('get')}>
                  {t('models.tab.get')}
                </button>
              </div>
            </div>
          )}
          <ul className="model-list">
            {list?.map((model) => (
              <li
                key={model.file}
                className={model.file === file ? 'model-row current' : 'model-row'}
              >
                <button
                  type="button"
                  className="model-pick"
                  aria-pressed={model.file === file}
                  onClick={() => setShown(model.file)}
                >
                  <span className="row">
                    <bdi className="ellipsis">
                      <strong>{visible(model.name)}</strong>
                    </bdi>
                    {model.file === chosen && (
                      <span className="pill info">{t('models.inUse')}</span>
                    )}
                    {model.origin !== 'link' && (
                      <span className="pill">{t(`models.origin.${model.origin}`)}</span>
                    )}
                    {loaded.some((one) => one.file === model.file) && (
                      <span className="pill ok">{t('models.inMemory')}</span>
                    )}
                    {!model.present && <span className="pill bad">{t('model.gone')}</span>}
                  </span>
                  <span className="small dim ellipsis mono" dir="ltr">
                    {visible(model.file)}
                  </span>
                </button>
                <span className="model-side">
                  {model.present && model.origin !== 'server' && <FitPill file={model.file} />}
                  {model.origin !== 'server' && (
                    <span className="small dim num">{bytes(model.sizeBytes)}</span>
                  )}
                </span>
                {model.origin === 'bundled' ? (
                  <span className="no-action" />
                ) : (
                  <Tip text={t(model.origin === 'download' ? 'models.remove' : 'models.forget')}>
                    <button
                      type="button"
                      className="btn quiet icon tiny"
                      aria-label={t('models.forgetName', { name: visible(model.name) })}
                      onClick={() => setRemoving(model)}
                    >
                      {model.origin === 'download' ? <Trash2 size={14} /> : <ListX size={14} />}
                    </button>
                  </Tip>
                )}
              </li>
            ))}
          </ul>
        </section>
        {entry !== undefined && !entry.present && <Relink entry={entry} onFound={setShown} />}
        {entry !== undefined && entry.present && (
          <ModelFacts
            entry={entry}
            actions={
              <button
                type="button"
                className="btn primary"
                onClick={() => {
                  report(chooseModel(entry.file))
                  go({ view: 'compose' })
                }}
              >
                {t('models.use')}
              </button>
            }
          />
        )}
      </div>
      {removing !== null && (
        <Dialog
          title={t('models.removeTitle')}
          onClose={() => setRemoving(null)}
          footer={
            <>
              <button type="button" className="btn" onClick={() => remove(removing, false)}>
                {t(removing.origin === 'server' ? 'models.remove' : 'models.keepFile')}
              </button>
              {removing.origin === 'download' && (
                <button type="button" className="btn danger" onClick={() => remove(removing, true)}>
                  {t('models.deleteFile', { size: bytes(removing.sizeBytes) })}
                </button>
              )}
            </>
          }
        >
          <p>
            <bdi>{visible(removing.name)}</bdi>
          </p>
          <p className="small dim mono wrap-any" dir="ltr">
            {visible(removing.file)}
          </p>
          <p className="small">{t(REMOVED[removing.origin])}</p>
        </Dialog>
      )}
    </>
  )
}
