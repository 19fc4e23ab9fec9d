import { X } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useT } from '../i18n/index.ts'
import { dismiss, report, TOAST_MS, useToasts, type Toast } from '../store/toasts.ts'

/** Shows short messages, some with an Undo button, in a row of their own: they cover nothing. */
export function Toasts() {
  const t = useT()
  const toasts = useToasts((s) => s.toasts)
  return (
    <div className="toasts" role="region" aria-label={t('toasts.title')} aria-live="polite">
      {toasts.map((toast) => (
        <ToastLine key={toast.id} toast={toast} />
      ))}
    </div>
  )
}

function ToastLine({ toast: { id, kind, message, action } }: { toast: Toast }) {
  const t = useT()
  const [pointed, setPointed] = useState(false)
  const [focused, setFocused] = useState(false)
  const held = pointed || focused
  useEffect(() => {
    if (held) return undefined
    const timer = setTimeout(() => dismiss(id), TOAST_MS[kind])
    return () => clearTimeout(timer)
  }, [held])
  const [key, vars] = message
  return (
    <div
      className={`toast ${kind}`}
      role={kind === 'bad' ? 'alert' : undefined}
      onPointerEnter={() => setPointed(true)}
      onPointerLeave={() => setPointed(false)}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      <span className="grow" dir="auto">
        {t(key, vars)}
      </span>
      {action !== undefined && (
        <button
          type="button"
          className="btn tiny"
          onClick={() => {
            dismiss(id)
            report(Promise.resolve(action.run()))
          }}
        >
          {t(action.label)}
        </button>
      )}
      <button
        type="button"
        className="btn quiet icon tiny"
        aria-label={t('action.close')}
        onClick={() => dismiss(id)}
      >
        <X size={14} />
      </button>
    </div>
  )
}
