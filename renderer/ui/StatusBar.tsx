import { memo, useEffect, useRef, useState } from 'react'
import { displayShortcut } from '../commands/keys.ts'
import { commandOf, runCommand, shortcutOf } from '../commands/catalogue.ts'
import { useT } from '../i18n/index.ts'
import { host } from '../store/host.ts'
import type { Connection } from '../store/client.ts'
import { HardwareLine } from '../models/HardwareLine.tsx'
import { useModels } from '../store/models.ts'
import { routeRun, useRoute } from '../store/route.ts'
import { useRuns } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { useUi } from '../store/ui.ts'
import { describeRun } from './announce.ts'

export function useConnection(): Connection {
  const [state, setState] = useState(host.state)
  useEffect(() => {
    setState(host.state)
    const stop = host.onState(setState)
    return () => { stop() }
  }, [])
  return state
}

const EVERY_MS = 5000

/** The bottom line: engine, progress, and the one place where progress is announced. */
export const StatusBar = memo(function StatusBar() {
  const t = useT()
  const connection = useConnection()
  const engine = useUi((s) => s.engine)
  const progress = useUi((s) => s.progress?.fraction ?? null)
  const app = useModels((s) => s.app)
  const state = engine !== null && engine.state !== 'up' ? engine.state : connection
  const palette = shortcutOf(commandOf('app.palette'))
  return (
    <footer className="status-bar">
      <span className={`dot ${state === 'open' ? 'ok' : state === 'stopped' ? 'bad' : 'warn'}`} aria-hidden />
      <span data-connection={state}>{t(`engine.${state}`)}</span>
      {engine !== null && engine.state !== 'up' && <bdi className="ellipsis">{engine.message}</bdi>}
      {state === 'stopped' && <button type="button" className="btn tiny" disabled={connection !== 'open'} onClick={() => report(host.call('engine.restart', {}))}>{t('engine.restart')}</button>}
      {progress !== null && <span className="row"><span className="ellipsis">{t('run.loading')}</span><progress max={1} value={progress} aria-label={t('run.loading')} /></span>}
      <Announcer />
      <span className="grow" />
      <HardwareLine />
      {app !== null && <span className="dim">llama.cpp {app.llama}</span>}
      <button type="button" className="btn quiet tiny" onClick={() => runCommand('app.palette')}>{t('cmd.palette')}<span className="kbd">{displayShortcut(palette)}</span></button>
    </footer>
  )
})

/** The one live region: the start, the end, another answer, and in between every five seconds. */
function Announcer() {
  const t = useT()
  const run = useRoute((s) => routeRun(s.route))
  const [text, setText] = useState('')
  const last = useRef({ at: 0, phase: '' })
  useEffect(() => {
    if (run === null) return setText('')
    let later: ReturnType<typeof setTimeout> | undefined
    const read = () => {
      const open = useRuns.getState().open[run]
      if (open === undefined) return
      if (open.error !== null) return setText('') // the view says it
      const { shown } = open
      const phase = `${run}:${shown.status}:${shown.paths.length > 0}:${shown.summaries.length}:${shown.answer ?? ''}`
      const now = Date.now()
      const wait = last.current.at + EVERY_MS - now
      if (phase === last.current.phase && (shown.status !== 'running' || wait > 0)) {
        if (shown.status === 'running') later ??= setTimeout(read, wait)
        return
      }
      clearTimeout(later)
      later = undefined
      last.current = { at: now, phase }
      setText(describeRun(shown, t))
    }
    read()
    const stop = useRuns.subscribe(read)
    return () => {
      stop()
      clearTimeout(later)
    }
  }, [run, t])
  return <span role="status" aria-live="polite" className="announce ellipsis">{text}</span>
}
