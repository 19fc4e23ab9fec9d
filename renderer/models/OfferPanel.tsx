import { useState } from 'react'
import type { ConvertType, Offer } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { failureWords } from '../i18n/wording.ts'
import { bytes } from '../i18n/format.ts'
import { host } from '../store/host.ts'
import { taskStarted } from '../store/models.ts'
import { visible } from '../ui/visible.ts'
import { ConvertTypeField } from './ConvertTypeField.tsx'
import { Verdict } from './FitPill.tsx'

/** Lists the files of a repository or an address, each with its size and whether it fits in memory. */
export function OfferPanel({ reference, offer }: { reference: string; offer: Offer }) {
  const t = useT()
  const [type, setType] = useState<ConvertType>('q8_0')
  const [sha256, setSha256] = useState('')
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const get = async (choice: string) => {
    setBusy(true)
    setError(null)
    try {
      taskStarted(
        await host.call('models.get', {
          ref: reference,
          ...(offer.repo === undefined ? {} : { choice }),
          type,
          ...(sha256.trim() === '' ? {} : { sha256: sha256.trim() }),
        }),
      )
    } catch (failure) {
      setError(failureWords(failure))
    } finally {
      setBusy(false)
    }
  }
  return (
    <section className="panel" aria-labelledby="offer">
      <header>
        <h2 id="offer" className="grow ellipsis">
          <bdi dir="ltr">{visible(offer.repo ?? offer.choices[0]?.name ?? reference)}</bdi>
        </h2>
        {offer.licence !== undefined && <span className="pill">{visible(offer.licence)}</span>}
        {offer.gated && <span className="pill warn">{t('get.gated')}</span>}
      </header>
      <div className="body col">
        {offer.choices.length === 0 && <p className="dim">{t('get.nothing')}</p>}
        {offer.choices.some(({ kind }) => kind === 'folder') && (
          <ConvertTypeField label={t('get.convertTo')} value={type} onChange={setType} />
        )}
        {offer.repo === undefined && (
          <div className="field">
            <label className="label" htmlFor="sha">
              SHA-256
            </label>
            <input
              id="sha"
              className="input mono"
              dir="ltr"
              value={sha256}
              spellCheck={false}
              onChange={(event) => setSha256(event.target.value)}
            />
            <span className="hint">{t('get.shaHint')}</span>
          </div>
        )}
        <ul className="model-list offer-list">
          {offer.choices.map((choice) => (
            <li key={choice.name}>
              <span className="offer-name">
                <strong className="mono">{visible(choice.name)}</strong>
                {choice.kind === 'folder' && (
                  <span className="small dim"> {t('get.thenConvert')}</span>
                )}
              </span>
              {choice.verdict === undefined ? <span /> : <Verdict verdict={choice.verdict} />}
              <span className="small num offer-size">
                {choice.sizeBytes === null ? '' : bytes(choice.sizeBytes)}
              </span>
              <button
                type="button"
                className={choice.name === offer.chosen ? 'btn primary' : 'btn'}
                disabled={busy}
                aria-label={t('get.downloadName', { name: visible(choice.name) })}
                onClick={() => void get(choice.name)}
              >
                {t('get.download')}
              </button>
            </li>
          ))}
        </ul>
        {offer.choices.some(({ verdict }) => verdict !== undefined) && (
          <p className="small dim">{t('get.bySize')}</p>
        )}
        {error !== null && (
          <p className="callout bad small" role="alert" dir="auto">
            {error}
          </p>
        )}
      </div>
    </section>
  )
}
