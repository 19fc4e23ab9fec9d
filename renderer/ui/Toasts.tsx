import { X } from 'lucide-react'
import { useT } from '../i18n/index.ts'
import { dismiss, report, useToasts } from '../store/toasts.ts'

/** Shows short messages, some with an Undo button. */
export function Toasts() {
  const t = useT()
  const toasts = useToasts((s) => s.toasts)
  return (
    <div className="toasts" role="region" aria-label={t('toasts.title')} aria-live="polite">
      {toasts.map(({ id, kind, message: [key, vars], action }) => (
        <div key={id} className={`toast ${kind}`} role={kind === 'bad' ? 'alert' : undefined}>
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
      ))}
    </div>
  )
}
