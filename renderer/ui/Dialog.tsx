import { X } from 'lucide-react'
import { useEffect, useId, useRef, type ReactNode } from 'react'
import { useT } from '../i18n/index.ts'

/** A modal dialog, built on <dialog>: focus stays inside, Escape closes it, and focus returns afterwards. */
export function Dialog({
  title,
  onClose,
  children,
  footer,
  className = '',
}: {
  title: string
  onClose(): void
  children: ReactNode
  footer?: ReactNode
  className?: string
}) {
  const t = useT()
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = ref.current!
    const before = document.activeElement
    // An element that took the focus on mount keeps it; otherwise the first field gets it, or the main button.
    const wanted = dialog.contains(before)
      ? before
      : dialog.querySelector('.body input, .body select, .body textarea, footer .primary')
    const opener = dialog.contains(before) ? document.body : before
    if (!dialog.open) dialog.showModal()
    if (wanted instanceof HTMLElement) wanted.focus()
    return () => {
      dialog.close()
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus()
    }
  }, [])
  return (
    <dialog
      ref={ref}
      className={`dialog ${className}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => {
        if (event.target === ref.current) onClose()
      }}
    >
      <header>
        <h2 id={id} className="grow">
          {title}
        </h2>
        <button
          type="button"
          className="btn quiet icon"
          aria-label={t('action.close')}
          onClick={onClose}
        >
          <X size={16} />
        </button>
      </header>
      <div className="body">{children}</div>
      {footer !== undefined && <footer>{footer}</footer>}
    </dialog>
  )
}
