import { useState } from 'react'
import { useT } from '../i18n/index.ts'
import { errorWords } from '../i18n/wording.ts'
import { bytes } from '../i18n/format.ts'
import { forgetWorker, pairWorker, useModels } from '../store/models.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { useWork } from './work.ts'

/** Shows the machines that can hold layers of a model, and pairs with more. */
export function WorkersPanel() {
  const t = useT()
  const workers = useModels((s) => s.workers)
  const [address, setAddress] = useState('')
  const [code, setCode] = useState('')
  const { busy, error, work } = useWork()
  const ready = address.trim() !== '' && code.trim() !== '' && !busy
  const pair = () =>
    work(async () => {
      await pairWorker(address.trim(), code.trim())
      setAddress('')
      setCode('')
    })
  return (
    <section className="panel" aria-labelledby="workers">
      <header>
        <h2 id="workers">{t('workers.title')}</h2>
      </header>
      <p className="body small dim">{t('workers.about')}</p>
      <ul className="model-list device-list">
        {workers.map(({ worker, devices, problem }) => (
          <li key={worker} className="device-row">
            <div className="col tight grow">
              <strong>
                <bdi>{visible(worker)}</bdi>
              </strong>
              {problem !== undefined && (
                <span className="small dim" dir="auto">
                  {errorWords(problem)}
                </span>
              )}
              {devices.map((device) => (
                <span key={device.name} className="small dim">
                  <bdi>{visible(`${device.name} · ${device.description}`)}</bdi>
                  {' · '}
                  {t('devices.free', {
                    free: bytes(device.memoryFree),
                    total: bytes(device.memoryTotal),
                  })}
                </span>
              ))}
            </div>
            <button
              type="button"
              className="btn"
              aria-label={t('workers.forgetName', { name: visible(worker) })}
              onClick={() => report(forgetWorker(worker))}
            >
              {t('workers.forget')}
            </button>
          </li>
        ))}
      </ul>
      <form
        className="body col tight"
        onSubmit={(event) => {
          event.preventDefault()
          if (ready) void pair()
        }}
      >
        <div className="row wrap">
          <input
            className="input mono path-input"
            dir="ltr"
            aria-label={t('workers.address')}
            value={address}
            placeholder="192.168.1.20:7717"
            spellCheck={false}
            aria-invalid={error !== null}
            onChange={(event) => setAddress(event.target.value)}
          />
          <input
            className="input mono key-input"
            dir="ltr"
            autoComplete="off"
            aria-label={t('workers.code')}
            value={code}
            placeholder={t('workers.code')}
            spellCheck={false}
            onChange={(event) => setCode(event.target.value)}
          />
          <button type="submit" className="btn" disabled={!ready}>
            {t('workers.pair')}
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
