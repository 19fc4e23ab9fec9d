import { ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { useT } from '../i18n/index.ts'
import { host } from '../store/host.ts'
import { shell } from '../store/shell.ts'
import { report } from '../store/toasts.ts'

/**
 * Sets the token for gated repositories. It is kept in the system keychain if there is one, otherwise in memory until
 * Braid closes.
 */
export function HubToken() {
  const t = useT()
  const [token, setToken] = useState('')
  const [kept, setKept] = useState<'memory' | 'keychain' | 'forgotten' | null>(null)
  const desktop = shell()
  const keep = async (value: string | null) => {
    await host.call('hub.token', { token: value })
    const stored = (await desktop?.call('rememberToken', value)) ?? false
    setToken('')
    setKept(value === null ? 'forgotten' : stored ? 'keychain' : 'memory')
  }
  return (
    <details className="advanced">
      <summary className="small">
        <ChevronRight size={14} aria-hidden className="chevron" />
        {t('token.title')}
      </summary>
      <div className="col tight token-body">
        <div className="row wrap">
          <input
            className="input mono path-input"
            type="password"
            autoComplete="off"
            aria-label={t('token.title')}
            value={token}
            placeholder="hf_…"
            onChange={(event) => setToken(event.target.value)}
          />
          <button
            type="button"
            className="btn"
            disabled={token.trim() === ''}
            onClick={() => report(keep(token.trim()))}
          >
            {t('token.use')}
          </button>
          <button type="button" className="btn quiet" onClick={() => report(keep(null))}>
            {t('token.forget')}
          </button>
        </div>
        <p className="small dim" role="note">
          {t(
            kept === null
              ? desktop === undefined
                ? 'token.inMemory'
                : 'token.inKeychain'
              : `token.kept.${kept}`,
          )}
        </p>
      </div>
    </details>
  )
}
