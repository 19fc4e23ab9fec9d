import { useEffect, useState, type ReactNode } from 'react'
import { API_PORT, type ApiStatus } from '../../engine/protocol/api.ts'
import { useT } from '../i18n/index.ts'
import { NumberField } from '../run/NumberField.tsx'
import { copyText } from '../store/clipboard.ts'
import { host } from '../store/host.ts'
import { setPref, usePrefs } from '../store/prefs.ts'
import { report } from '../store/toasts.ts'
import { Line } from './Line.tsx'
import { Switch } from './Switch.tsx'

/** Whether other programs of this machine may use Braid's models, and what they need for that. */
export function Api() {
  const t = useT()
  const status = useApiStatus()
  const port = usePrefs((s) => s.apiPort)
  return (
    <section className="panel settings" aria-labelledby="api">
      <header>
        <h2 id="api">{t('api.title')}</h2>
      </header>
      <Switch pref="api" label={t('api.serve')} hint={t('api.serveHelp')} on={t('api.on')} />
      <div className="setting">
        <NumberField
          label={t('api.port')}
          value={port}
          min={1024}
          max={65_535}
          blank={String(API_PORT)}
          settled
          onChange={(next) => setPref('apiPort', next ?? API_PORT)}
        />
      </div>
      {status?.state === 'failed' && (
        <Line label={t('api.failed')}>
          <span className="bad-text wrap-any" role="alert">
            {status.message}
          </span>
        </Line>
      )}
      {typeof status?.url === 'string' && (
        <Secret label={t('api.address')} hint={t('api.addressHelp')} text={status.url} />
      )}
      {typeof status?.key === 'string' && (
        <Secret label={t('api.key')} hint={t('api.keyHelp')} text={status.key} hidden>
          <button type="button" className="btn" onClick={() => report(host.call('api.newKey', {}))}>
            {t('api.newKey')}
          </button>
        </Secret>
      )}
    </section>
  )
}

/** A text to copy. `hidden`: it is shown when asked for, since others may see the screen. */
function Secret({
  label,
  hint,
  text,
  hidden = false,
  children,
}: {
  label: string
  hint: string
  text: string
  hidden?: boolean
  children?: ReactNode
}) {
  const t = useT()
  const [shown, setShown] = useState(!hidden)
  return (
    <Line label={label} hint={hint}>
      <div className="row wrap grow">
        <span className="mono wrap-any grow" dir="ltr">
          {shown ? text : `${text.slice(0, 9)}…`}
        </span>
        {hidden && (
          <button
            type="button"
            className="btn"
            aria-pressed={shown}
            onClick={() => setShown(!shown)}
          >
            {t(shown ? 'api.hide' : 'api.show')}
          </button>
        )}
        <button
          type="button"
          className="btn"
          aria-label={t('api.copy', { what: label })}
          onClick={() => report(copyText(text))}
        >
          {t('code.copyShort')}
        </button>
        {children}
      </div>
    </Line>
  )
}

/** Returns the status of the host's server; null until it is known. */
function useApiStatus(): ApiStatus | null {
  const [status, setStatus] = useState<ApiStatus | null>(null)
  useEffect(() => {
    const load = () => report(host.call('api.status', {}).then(setStatus))
    load()
    return host.onPush((push) => {
      const changed = push.kind === 'changed' && push.what === 'api'
      if (changed || (push.kind === 'engine' && push.state === 'up')) load()
    })
  }, [])
  return status
}
