import { useEffect, useState } from 'react'
import type { Result } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { bytes } from '../i18n/format.ts'
import { host } from '../store/host.ts'
import { shell } from '../store/shell.ts'
import { report, toast } from '../store/toasts.ts'
import { Dialog } from '../ui/Dialog.tsx'
import { Line } from './Line.tsx'

/** What Braid's files take, where they are, and the trash. */
export function Storage() {
  const t = useT()
  const [parts, setParts] = useState<Result<'storage.list'>>([])
  const [asking, setAsking] = useState(false)
  const desktop = shell()
  const load = () => host.call('storage.list', {}).then(setParts)
  useEffect(() => report(load()), [])
  const empty = async () => {
    setAsking(false)
    const { runs } = await host.call('storage.emptyTrash', {})
    toast({ message: ['storage.emptied', { count: runs }] })
    await load()
  }
  return (
    <section className="panel settings" aria-labelledby="storage">
      <header>
        <h2 id="storage">{t('storage.title')}</h2>
      </header>
      {parts.map(({ what, folder, bytes: size }) => (
        <Line key={what} label={t(`storage.${what}`)} hint={t(`storage.${what}Help`)}>
          <div className="row wrap grow" data-storage={what}>
            <span className="num">{bytes(size)}</span>
            <span className="mono small dim wrap-any grow" dir="ltr">
              {folder}
            </span>
            {desktop !== undefined && (
              <button
                type="button"
                className="btn"
                onClick={() => report(desktop.call('openFolder', what))}
              >
                {t('storage.open')}
              </button>
            )}
            {what === 'trash' && (
              <button
                type="button"
                className="btn"
                disabled={size === 0}
                onClick={() => setAsking(true)}
              >
                {t('storage.empty')}
              </button>
            )}
          </div>
        </Line>
      ))}
      {asking && (
        <Dialog
          title={t('storage.emptyTitle')}
          onClose={() => setAsking(false)}
          footer={
            <>
              <button type="button" className="btn" onClick={() => setAsking(false)}>
                {t('action.cancel')}
              </button>
              <button type="button" className="btn danger" onClick={() => report(empty())}>
                {t('storage.emptyNow')}
              </button>
            </>
          }
        >
          <p>{t('storage.emptyText')}</p>
        </Dialog>
      )}
    </section>
  )
}
