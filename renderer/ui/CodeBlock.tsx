import { Copy, WrapText } from 'lucide-react'
import type { ReactNode } from 'react'
import { languageName } from '../../engine/protocol/markdown/languages.ts'
import { copyText } from '../store/clipboard.ts'
import { setPref, usePrefs } from '../store/prefs.ts'
import { useT } from '../i18n/index.ts'
import { report } from '../store/toasts.ts'

/**
 * Shows code under its language and a button that copies it. `code`: returns what the button copies; without it, the
 * block is the next piece of the one above.
 */
export function CodeBlock({
  info,
  code,
  children,
}: {
  info: string
  code?: () => string
  children: ReactNode
}) {
  const t = useT()
  const name = languageName(info) || t('code.plain')
  const wrap = usePrefs((s) => s.wrapCode)
  return (
    <div className={wrap ? 'code wrap' : 'code'} dir="ltr">
      {code !== undefined && (
        <div className="code-head">
          <span className="ellipsis grow">{name}</span>
          <button
            type="button"
            className="btn quiet tiny"
            aria-label={t('code.copy', { name })}
            onClick={() => report(copyText(code()))}
          >
            <Copy size={12} aria-hidden />
            {t('code.copyShort')}
          </button>
          <button
            type="button"
            className="btn quiet icon tiny"
            aria-pressed={wrap}
            aria-label={t('code.wrap')}
            title={t('code.wrap')}
            onClick={() => setPref('wrapCode', !wrap)}
          >
            <WrapText size={13} aria-hidden />
          </button>
        </div>
      )}
      {/* Wider than its pane, it is scrolled by the keyboard. */}
      <pre tabIndex={0}>{children}</pre>
    </div>
  )
}
