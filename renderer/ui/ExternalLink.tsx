import { ExternalLink as Icon } from 'lucide-react'
import type { ReactNode } from 'react'
import { safeUrl } from '../../engine/protocol/links.ts'
import { useT } from '../i18n/index.ts'
import { shell } from '../store/shell.ts'
import { report } from '../store/toasts.ts'
import { useUi } from '../store/ui.ts'
import { Dialog } from './Dialog.tsx'
import { visible } from './visible.ts'

/** A link in model text. It is a button without an address; a click shows the address and asks whether to open it. */
export function ExternalLink({
  href,
  children,
}: {
  href: string | undefined
  children: ReactNode
}) {
  const t = useT()
  const url = href === undefined ? null : safeUrl(href)
  if (url === null)
    return (
      <span className="link-dead" title={t('link.refused')}>
        {children}
      </span>
    )
  return (
    <button
      type="button"
      className="link"
      title={visible(url)}
      onClick={() => useUi.setState({ link: url })}
    >
      {children}
    </button>
  )
}

/** Opens a confirmed address outside the window. */
function open(address: string): void {
  const url = safeUrl(address)
  if (url === null) return
  const desktop = shell()
  if (desktop !== undefined) report(desktop.call('openExternal', url))
  else window.open(url, '_blank', 'noopener,noreferrer')
}

export function LinkDialog() {
  const t = useT()
  const link = useUi((s) => s.link)
  if (link === null) return null
  const close = () => useUi.setState({ link: null })
  return (
    <Dialog
      title={t('link.title')}
      onClose={close}
      footer={
        <>
          <button type="button" className="btn" onClick={close}>
            {t('action.cancel')}
          </button>
          <button
            type="button"
            className="btn"
            onClick={() => void navigator.clipboard.writeText(link)}
          >
            {t('link.copy')}
          </button>
          <button
            type="button"
            className="btn primary"
            onClick={() => {
              open(link)
              close()
            }}
          >
            <Icon size={14} />
            {t('link.open')}
          </button>
        </>
      }
    >
      <p>{t('link.ask')}</p>
      <p className="link-url mono" dir="ltr">
        {visible(link)}
      </p>
    </Dialog>
  )
}
