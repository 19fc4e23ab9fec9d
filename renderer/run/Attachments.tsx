import { FileText, Paperclip, X } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import {
  attachFiles,
  detach,
  LONG_PASTE,
  NONE,
  attach,
  useAttachments,
  type Attachment,
} from '../store/attachments.ts'
import { report } from '../store/toasts.ts'
import { countTokens } from '../store/tokens.ts'

/** The attachments of a question that is being written, each with its tokens for a model. */
export function Attachments({ of, model }: { of: string; model: string }) {
  const t = useT()
  const list = useAttachments((s) => s[of] ?? NONE)
  if (list.length === 0) return null
  return (
    <ul className="attachments" aria-label={t('attach.list')}>
      {list.map((one, i) => (
        <Chip key={i} of={of} attachment={one} model={model} />
      ))}
    </ul>
  )
}

function Chip({ of, attachment, model }: { of: string; attachment: Attachment; model: string }) {
  const t = useT()
  const [tokens, setTokens] = useState<number | null>(null)
  const { name, text } = attachment
  useEffect(() => {
    let current = true
    if (model !== '')
      countTokens(model, [text]).then(
        ([count]) => current && setTokens(count ?? null),
        () => undefined, // the model's own field says what is wrong with it
      )
    return () => {
      current = false
    }
  }, [text, model])
  return (
    <li className="attachment" title={text.slice(0, 500)}>
      <FileText size={13} aria-hidden />
      <bdi className="ellipsis">{name}</bdi>
      {tokens !== null && (
        <span className="small dim num" data-tokens={tokens}>
          {t('unit.tokens', { count: tokens, shown: integer(tokens) })}
        </span>
      )}
      <button
        type="button"
        className="btn quiet icon tiny"
        aria-label={t('attach.remove', { name })}
        onClick={() => detach(of, attachment)}
      >
        <X size={13} />
      </button>
    </li>
  )
}

export function AttachButton({ to }: { to: string }) {
  const t = useT()
  return (
    <label className="btn quiet tiny attach">
      <Paperclip size={13} aria-hidden />
      {t('attach.add')}
      <input
        type="file"
        className="sr"
        multiple
        aria-label={t('attach.add')}
        onChange={(event) => {
          report(attachFiles(to, [...event.target.files!]))
          event.target.value = ''
        }}
      />
    </label>
  )
}

/** Makes an attachment of a long text that is pasted. Returns whether it did. */
export function attachPaste(to: string, event: React.ClipboardEvent, name: string): boolean {
  const text = event.clipboardData.getData('text/plain')
  if (text.length <= LONG_PASTE) return false
  event.preventDefault()
  attach(to, { name, text })
  return true
}
