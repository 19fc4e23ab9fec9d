import { memo, useEffect, useRef, useState } from 'react'
import { displayShortcut } from '../commands/keys.ts'
import { commandOf, runCommand, shortcutOf } from '../commands/catalogue.ts'
import type { RunState } from '../../engine/protocol/fold.ts'
import { useLanguage, useT } from '../i18n/index.ts'
import { host } from '../store/host.ts'
import type { ConnectionState } from '../../engine/protocol/client.ts'
import { HardwareLine } from '../models/HardwareLine.tsx'
import { useModels } from '../store/models.ts'
import { routeRun, useRoute } from '../store/route.ts'
import { useRuns } from '../store/runs.ts'
import { captionsOf } from '../store/captions.ts'
import { doingNow, modelOf, useActivity } from '../store/activity.ts'
import { report } from '../store/toasts.ts'
import { placeNow, useUi } from '../store/ui.ts'
import { describeRun } from './announce.ts'

export function useConnection(): ConnectionState {
  const [state, setState] = useState(host.state)
  useEffect(() => {
    setState(host.state)
    const stop = host.onState(setState)
    return () => {
      stop()
    }
  }, [])
  return state
}

const TEXT_MS = 1000
const ANNOUNCE_MS = 5000

/** The status bar: engine state, progress, and the only live region that announces progress. */
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
      <span
        className={`dot ${state === 'open' ? 'ok' : state === 'stopped' ? 'bad' : 'warn'}`}
        aria-hidden
      />
      <span data-connection={state}>{t(`engine.${state}`)}</span>
      {engine !== null && engine.state !== 'up' && <bdi className="ellipsis">{engine.message}</bdi>}
      {state === 'stopped' && (
        <button
          type="button"
          className="btn tiny"
          disabled={connection !== 'open'}
          onClick={() => report(host.call('engine.restart', {}))}
        >
          {t('engine.restart')}
        </button>
      )}
      {progress !== null && (
        <span className="row">
          <span className="ellipsis">{t('run.loading')}</span>
          <progress max={1} value={progress} aria-label={t('run.loading')} />
        </span>
      )}
      <Announcer />
      <span className="grow" />
      <HardwareLine />
      {app !== null && <span className="dim">llama.cpp {app.llama}</span>}
      <button type="button" className="btn quiet tiny" onClick={() => runCommand('app.palette')}>
        {t('cmd.palette')}
        <span className="kbd">{displayShortcut(palette)}</span>
      </button>
    </footer>
  )
})

/**
 * Shows the progress of the run once per second. Announces it at the start, the end and each new answer, and every
 * five seconds in between.
 */
function Announcer() {
  const t = useT()
  const language = useLanguage()
  const run = useRoute((s) => routeRun(s.route))
  const [text, setText] = useState('')
  const [announced, setAnnounced] = useState('')
  const last = useRef({ at: 0, phase: '' })
  useEffect(() => {
    const say = (next: string) => {
      setText(next)
      setAnnounced(next)
    }
    if (run === null) return say('')
    let later: ReturnType<typeof setTimeout> | undefined
    const read = () => {
      later = undefined
      const open = useRuns.getState().open[run]
      if (open === undefined) return
      if (open.error !== null) return say('') // the view shows the error
      if (open.replayed !== null && captionsOf(run).length > 0) return say('') // captions tell more
      const now = Date.now()
      const phase = phaseOf(run, open.shown)
      const words = describeRun(
        open.shown,
        t,
        placeNow(run),
        doingNow(run, open.shown),
        modelOf(run),
      )
      if (phase === last.current.phase && now < last.current.at + ANNOUNCE_MS) return setText(words)
      last.current = { at: now, phase }
      say(words)
    }
    read()
    const update = () => {
      const shown = useRuns.getState().open[run]?.shown
      if (shown !== undefined && phaseOf(run, shown) !== last.current.phase) {
        clearTimeout(later)
        read()
      } else later ??= setTimeout(read, TEXT_MS)
    }
    const stops = [
      useRuns.subscribe(update),
      useUi.subscribe(update),
      useActivity.subscribe(update),
    ]
    return () => {
      for (const stop of stops) stop()
      clearTimeout(later)
    }
  }, [run, t, language])
  return (
    <>
      <span role="status" aria-live="polite" className="visually-hidden">
        {announced}
      </span>
      <span className="announce ellipsis" aria-hidden>
        {text}
      </span>
    </>
  )
}

const phaseOf = (run: string, state: RunState): string => {
  const { status, paths, summaries, answer } = state
  const doing = doingNow(run, state)?.phase ?? ''
  return `${run}:${placeNow(run)}:${status}:${doing}:${paths.length > 0}:${summaries.length}:${answer ?? ''}`
}
