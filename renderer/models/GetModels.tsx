import { useEffect, useState } from 'react'
import type { Offer } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { failureWords } from '../i18n/wording.ts'
import { host } from '../store/host.ts'
import { loadCatalogue, useModels } from '../store/models.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { HubToken } from './HubToken.tsx'
import { OfferPanel } from './OfferPanel.tsx'

/** Downloads models. Sends no request before the user presses a button. */
export function GetModels() {
  const t = useT()
  const catalogue = useModels((s) => s.catalogue)
  const [ref, setRef] = useState('')
  const [asking, setAsking] = useState<string | null>(null)
  const [offer, setOffer] = useState<{ ref: string; offer: Offer } | null>(null)
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    report(loadCatalogue())
  }, [])
  const look = async (what: string) => {
    setAsking(what)
    setError(null)
    setOffer(null)
    try {
      setOffer({ ref: what, offer: await host.call('models.offer', { ref: what }) })
    } catch (failure) {
      setError(failureWords(failure))
    } finally {
      setAsking(null)
    }
  }
  return (
    <div className="models">
      <section className="panel" aria-labelledby="catalogue">
        <header>
          <h2 id="catalogue">{t('get.catalogue')}</h2>
        </header>
        <ul className="model-list">
          {catalogue?.map((model) => (
            <li
              key={model.id}
              className={offer?.ref === model.id ? 'model-row current' : 'model-row'}
            >
              <div className="col tight grow catalogue-text">
                <span className="row">
                  <strong>{model.name}</strong>
                  {model.parallel && <span className="pill info">{t('get.parallel')}</span>}
                  {model.kind === 'folder' && <span className="pill">{t('get.converts')}</span>}
                </span>
                <span className="small">{visible(model.goodFor)}</span>
                <span className="small dim">
                  <span className="mono">{model.repo}</span>
                  {model.choice !== undefined && ` · ${model.choice}`} · {model.licence}
                </span>
              </div>
              <button
                type="button"
                className="btn"
                disabled={asking !== null}
                aria-label={t('get.lookAt', { name: model.name })}
                onClick={() => void look(model.id)}
              >
                {asking === model.id ? t('get.asking') : t('get.look')}
              </button>
            </li>
          ))}
        </ul>
      </section>
      <div className="col get-side">
        <form
          className="panel add-model"
          onSubmit={(event) => {
            event.preventDefault()
            if (ref.trim() !== '') void look(ref.trim())
          }}
        >
          <label className="label small dim" htmlFor="hub-ref">
            {t('get.paste')}
          </label>
          <div className="row wrap">
            <input
              id="hub-ref"
              className="input mono path-input"
              dir="ltr"
              value={ref}
              placeholder="org/name:Q4_K_M"
              spellCheck={false}
              aria-invalid={error !== null}
              onChange={(event) => setRef(event.target.value)}
            />
            <button
              type="submit"
              className="btn primary"
              disabled={asking !== null || ref.trim() === ''}
            >
              {t('get.lookUp')}
            </button>
          </div>
          <HubToken />
          <p className="small dim">{t('get.offline')}</p>
        </form>
        {asking !== null && (
          <p className="dim small" role="note">
            {t('get.asking')}
          </p>
        )}
        {error !== null && (
          <p className="callout bad small" role="alert" dir="auto">
            {error}
          </p>
        )}
        {offer !== null && <OfferPanel key={offer.ref} reference={offer.ref} offer={offer.offer} />}
      </div>
    </div>
  )
}
