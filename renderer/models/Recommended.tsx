import { useState } from 'react'
import type { CatalogueItem } from '../../engine/protocol/wire.ts'
import { bytes } from '../i18n/format.ts'
import { useLanguage, useT } from '../i18n/index.ts'
import { host } from '../store/host.ts'
import { showTab, taskStarted } from '../store/models.ts'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { visible } from '../ui/visible.ts'
import { Verdict } from './FitPill.tsx'

/** What a recommended model is good for, in the language of the window. */
export function GoodFor({ model: { goodFor } }: { model: CatalogueItem }) {
  return <>{visible(goodFor[useLanguage() === 'zh' ? 'zh' : 'en'])}</>
}

/** Whether a recommended model fits this machine, and about how large it is: known without the hub. */
export function AboutSize({ model: { aboutBytes, verdict } }: { model: CatalogueItem }) {
  const t = useT()
  return (
    <>
      {verdict !== undefined && <Verdict verdict={verdict} />}
      {aboutBytes !== undefined && (
        <span className="small dim num">{t('get.about', { size: bytes(aboutBytes) })}</span>
      )}
    </>
  )
}

/** Downloads a recommended model, and shows how far that is. */
export function DownloadButton({ model, look }: { model: CatalogueItem; look: string }) {
  const t = useT()
  const [busy, setBusy] = useState(false)
  const get = async () => {
    setBusy(true)
    try {
      taskStarted(await host.call('models.get', { ref: model.id }))
      showTab('get')
      go({ view: 'models' })
    } finally {
      setBusy(false)
    }
  }
  return (
    <button
      type="button"
      className={`btn ${look}`}
      disabled={busy}
      aria-label={t('get.downloadName', { name: model.name })}
      onClick={() => report(get())}
    >
      {t('get.download')}
    </button>
  )
}
