import { ChevronLeft, ChevronRight } from 'lucide-react'
import { useMemo } from 'react'
import { useT } from '../i18n/index.ts'
import { versionsOf } from '../store/conversations.ts'
import { useHistory } from '../store/history.ts'
import { go } from '../store/route.ts'

/** Tells which version of its turn a run is, and goes to the others; nothing if there is one alone. */
export function Versions({ run }: { run: string }) {
  const t = useT()
  const list = useHistory((s) => s.list)
  const versions = useMemo(() => versionsOf(list ?? [], run), [list, run])
  if (versions.length < 2) return null
  const place = versions.findIndex((one) => one.run === run)
  const button = (label: 'versions.older' | 'versions.newer', Icon: typeof ChevronLeft) => {
    const to = versions[place + (label === 'versions.older' ? -1 : 1)]
    return (
      <button
        type="button"
        className="btn quiet icon tiny"
        aria-label={t(label)}
        title={t(label)}
        disabled={to === undefined || to.status === 'damaged'}
        onClick={() => go({ view: 'run', run: to!.run })}
      >
        <Icon size={14} className="flip" />
      </button>
    )
  }
  return (
    <span className="row" role="group" aria-label={t('versions.title')}>
      {button('versions.older', ChevronLeft)}
      <span className="small num" data-version={place + 1}>
        {t('versions.place', { place: place + 1, count: versions.length })}
      </span>
      {button('versions.newer', ChevronRight)}
    </span>
  )
}
