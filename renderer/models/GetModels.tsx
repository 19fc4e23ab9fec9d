import { useEffect } from 'react'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { failureWords } from '../i18n/wording.ts'
import { lookAt, lookUp, stopAsking, useHub } from '../store/hub.ts'
import { loadCatalogue, useModels } from '../store/models.ts'
import { report } from '../store/toasts.ts'
import { HubToken } from './HubToken.tsx'
import { OfferPanel } from './OfferPanel.tsx'
import { AboutSize, DownloadButton, GoodFor } from './Recommended.tsx'

/** Recommends and downloads models. Sends no request before the user presses a button. */
export function GetModels() {
  const t = useT()
  const catalogue = useModels((s) => s.catalogue)
  const { text, asking, found, offer, error } = useHub()
  useEffect(() => {
    report(loadCatalogue())
  }, [])
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
              className={`model-row catalogue-row ${offer?.ref === model.id ? 'current' : ''}`}
            >
              <div className="col tight grow catalogue-text">
                <span className="row">
                  <strong>{model.name}</strong>
                  {model.parallel && <span className="pill info">{t('get.parallel')}</span>}
                  {model.kind === 'folder' && <span className="pill">{t('get.converts')}</span>}
                </span>
                <span className="small">
                  <GoodFor model={model} />
                </span>
                <span className="small dim">
                  <span className="mono">{model.repo}</span>
                  {model.choice !== undefined && ` · ${model.choice}`} · {model.licence}
                </span>
              </div>
              <span className="model-side">
                <AboutSize model={model} />
              </span>
              <span className="model-side model-gets">
                <DownloadButton model={model} look="tiny" />
                <button
                  type="button"
                  className="btn quiet tiny"
                  disabled={asking === model.id}
                  aria-label={t('get.othersOf', { name: model.name })}
                  onClick={() => void lookAt(model.id)}
                >
                  {asking === model.id ? t('get.asking') : t('get.others')}
                </button>
              </span>
            </li>
          ))}
        </ul>
      </section>
      <div className="col get-side">
        <form
          className="panel add-model"
          onSubmit={(event) => {
            event.preventDefault()
            void lookUp(text)
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
              value={text}
              placeholder={t('get.placeholder')}
              spellCheck={false}
              aria-invalid={error !== null}
              onChange={(event) => useHub.setState({ text: event.target.value })}
            />
            <button type="submit" className="btn primary" disabled={text.trim() === ''}>
              {t('get.lookUp')}
            </button>
          </div>
          <HubToken />
          <p className="small dim">{t('get.offline')}</p>
        </form>
        {asking !== null && (
          <div className="row">
            <span className="dim small grow" role="note">
              {t('get.asking')}
            </span>
            <button type="button" className="btn tiny" onClick={stopAsking}>
              {t('action.cancel')}
            </button>
          </div>
        )}
        {error !== null && (
          <p className="callout bad small" role="alert" dir="auto">
            {failureWords(error)}
          </p>
        )}
        {found !== null && (
          <section className="panel" aria-labelledby="found">
            <header>
              <h2 id="found">{t('get.found', { count: found.length })}</h2>
            </header>
            <ul className="model-list hub-found scroll" tabIndex={0}>
              {found.map(({ repo, downloads, gated }) => (
                <li key={repo} className={offer?.ref === repo ? 'model-row current' : 'model-row'}>
                  <div className="col tight grow catalogue-text">
                    <bdi className="mono ellipsis" dir="ltr">
                      {repo}
                    </bdi>
                    <span className="small dim num">
                      {t('get.downloads', { count: downloads, shown: integer(downloads) })}
                      {gated && ` · ${t('get.gatedShort')}`}
                    </span>
                  </div>
                  <button
                    type="button"
                    className="btn tiny"
                    disabled={asking === repo}
                    aria-label={t('get.lookAt', { name: repo })}
                    onClick={() => void lookAt(repo)}
                  >
                    {asking === repo ? t('get.asking') : t('get.look')}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
        {offer !== null && <OfferPanel key={offer.ref} reference={offer.ref} offer={offer.offer} />}
      </div>
    </div>
  )
}
