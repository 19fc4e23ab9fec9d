import { X } from 'lucide-react'
import { useDeferredValue, useMemo, useState } from 'react'
import { roleOf } from '../../engine/protocol/segments.ts'
import { useT } from '../i18n/index.ts'
import { shortName } from '../i18n/segments.ts'
import { useOpenRun } from '../store/runs.ts'
import { placeKey, reveal } from '../store/scroll.ts'
import { setPref, usePrefs } from '../store/prefs.ts'
import { activate, useUi } from '../store/ui.ts'
import { findIn, type Hit } from './find.ts'

/** Finds text in all paths and summaries. Enter goes to the next hit. */
export function FindBar({ run }: { run: string }) {
  const t = useT()
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const state = useOpenRun(run)!.shown
  const wanted = useDeferredValue(query)
  const hits = useMemo(() => findIn(state, wanted), [state, wanted])
  const close = () => useUi.setState({ find: false })
  const show = (hit: Hit, index: number) => {
    setAt(index)
    activate(run, hit.segment)
    const { panels } = usePrefs.getState()
    if (roleOf(hit.segment) === 'summary' && !panels.summary)
      setPref('panels', { ...panels, summary: true })
    requestAnimationFrame(() => reveal(placeKey(run, hit.segment), hit.offset))
  }
  const step = (by: number) => {
    const next = (at + by + hits.length) % Math.max(1, hits.length)
    const hit = hits[next]
    if (hit !== undefined) show(hit, next)
  }
  return (
    <div className="find" role="search">
      <div className="row">
        <input
          className="input"
          type="search"
          autoFocus
          value={query}
          placeholder={t('find.placeholder')}
          aria-label={t('find.placeholder')}
          onChange={(event) => {
            setQuery(event.target.value)
            setAt(-1)
          }}
          onKeyDown={(event) => {
            if (event.nativeEvent.isComposing) return
            if (event.key === 'Enter') step(event.shiftKey ? -1 : 1)
            else if (event.key === 'Escape') close()
          }}
        />
        <span className="small dim num" role="status">
          {query === '' ? '' : t('find.count', { count: hits.length })}
        </span>
        <button
          type="button"
          className="btn quiet icon"
          aria-label={t('action.close')}
          onClick={close}
        >
          <X size={14} />
        </button>
      </div>
      {hits.length > 0 && (
        <ul className="find-hits scroll" aria-label={t('find.hits')}>
          {hits.slice(0, 100).map((hit, i) => (
            <li key={`${hit.segment}.${hit.offset}`}>
              <button
                type="button"
                className={i === at ? 'find-hit current' : 'find-hit'}
                onClick={() => show(hit, i)}
              >
                <span className="pathno" data-segment={hit.segment}>
                  {shortName(hit.segment)}
                </span>
                <bdi className="ellipsis">
                  {hit.before}
                  <mark>{hit.match}</mark>
                  {hit.after}
                </bdi>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
