import { Star } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import {
  EMPTY_RUN,
  isOpen,
  ranUntil,
  tokensPerSecond,
  type RunState as State,
} from '../../engine/protocol/fold.ts'
import { positionsUsed } from '../../engine/protocol/positions.ts'
import { useT } from '../i18n/index.ts'
import { bytes, dateTime, duration, integer } from '../i18n/format.ts'
import { modelOf, useDoing } from '../store/activity.ts'
import { updateRun, useHistory } from '../store/history.ts'
import { isOver, useRuns, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { usePlace } from '../store/ui.ts'
import { Tip } from '../ui/Tip.tsx'
import { doingWords } from '../ui/doing.ts'
import { outcomeOf } from '../../engine/protocol/outcome.ts'

/** Shows the status of a run and how long it has taken. */
export function RunState({ run }: { run: string }) {
  const t = useT()
  const status = useShown(run, (s) => s.status)
  // While the run is live, the clock gives the time, so the time of the last event is not needed.
  const replaying = useRuns((s) => (s.open[run]?.replayed ?? null) !== null)
  const live = status === 'running' && !replaying
  const waits = usePlace(run) !== null
  const ran = useShown(run, (s) => (live ? 0 : ranUntil(s, s.at)))
  const since = useShown(run, (s) => s.since)
  const began = useMemo(() => {
    const shown = useRuns.getState().open[run]?.shown ?? EMPTY_RUN
    return Date.now() - ranUntil(shown, shown.at)
  }, [run, live, since])
  const now = useClock(live)
  const elapsed = live ? Math.max(0, now - began) : ran
  const shown = waits ? 'empty' : status
  const outcome = useShown(run, outcomeOf)
  const doing = useDoing(run, (now) => (now === null ? null : doingWords(now, modelOf(run), t)))
  const look = { empty: '', running: 'info', ended: 'ok', failed: 'bad', interrupted: 'warn' }[
    shown
  ]
  const words =
    doing ??
    (shown === 'ended' && outcome !== null ? t(`outcome.${outcome}`) : t(`run.status.${shown}`))
  return (
    <>
      <span
        className={`pill ${outcome === null ? look : 'warn'}`}
        data-run-status={shown}
        data-outcome={outcome ?? undefined}
      >
        {words}
      </span>
      {shown !== 'empty' && <span className="num small">{duration(elapsed)}</span>}
      {live && <Pace run={run} now={now} />}
      {shown !== 'empty' && <ContextUsed run={run} now={now} />}
    </>
  )
}

/** The speed of all segments together, and how long they need at most to use up their budgets. */
function Pace({ run, now }: { run: string; now: number }) {
  const t = useT()
  const pace = useMemo(() => paceOf(useRuns.getState().open[run]?.shown ?? EMPTY_RUN), [run, now])
  if (pace === null) return null
  return (
    <Tip text={t('run.leftHelp')}>
      <span className="num small dim pace" tabIndex={0}>
        {t('unit.speed', { speed: pace.speed.toFixed(pace.speed < 10 ? 1 : 0) })} ·{' '}
        {t('run.left', { time: duration(pace.leftMs) })}
      </span>
    </Tip>
  )
}

/** How many tokens of the model's context the longest sequence of the run takes. */
function ContextUsed({ run, now }: { run: string; now: number }) {
  const t = useT()
  const positions = useShown(run, (s) => s.positions)
  const over = useShown(run, (s) => isOver(s.status))
  const replayed = useRuns((s) => s.open[run]?.replayed ?? null)
  const used = useMemo(
    () => positionsUsed(useRuns.getState().open[run]?.shown ?? EMPTY_RUN),
    [run, now, over, replayed],
  )
  if (positions === null || used === 0) return null
  return (
    <Tip text={t('run.contextHelp', { of: integer(positions) })}>
      <span className="num small dim ellipsis context-used" tabIndex={0} data-used={used}>
        {t('run.context', { used: integer(used), of: integer(positions) })}
      </span>
    </Tip>
  )
}

/** Returns the tokens per second of all open segments together, and the ms until the last budget is used up. */
function paceOf(state: State): { speed: number; leftMs: number } | null {
  const open = [...state.paths, ...state.summaries].filter(isOpen)
  const paces = open.flatMap((segment) => {
    const speed = tokensPerSecond(segment)
    return speed === null || speed <= 0
      ? []
      : [{ speed, left: segment.budget - segment.tokens.length }]
  })
  if (paces.length === 0) return null
  return {
    speed: paces.reduce((sum, { speed }) => sum + speed, 0),
    leftMs: 1000 * Math.max(...paces.map(({ speed, left }) => Math.max(0, left) / speed)),
  }
}

function useClock(on: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!on) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [on])
  return now
}

/** Shows model, strategy and main settings in one line, and the rest in a tooltip. */
export function RunFacts({ run }: { run: string }) {
  const t = useT()
  const settings = useShown(run, (s) => s.settings)
  const model = useShown(run, (s) => s.model)
  const engine = useShown(run, (s) => s.engine)
  const usage = useShown(run, (s) => s.usage)
  const time = useShown(run, (s) => s.time)
  const starred = useHistory((s) => s.list?.find((item) => item.run === run)?.starred)
  if (settings === null || model === null) return null
  const more = [
    t('facts.seed', { seed: settings.seed }),
    t('facts.temperature', { t: settings.sampling.temperature }),
    t('facts.finish', {
      rule:
        typeof settings.finish === 'number'
          ? t('finish.count', { count: settings.finish })
          : t(`finish.${settings.finish}`),
    }),
    ...(engine === null ? [] : [t('facts.device', { device: engine.device, llama: engine.llama })]),
    ...(usage === null
      ? []
      : [
          t('facts.usage', {
            prompt: integer(usage.promptTokens),
            paths: integer(usage.pathTokens),
            summary: integer(usage.summaryTokens),
            kv: bytes(usage.kvBytes),
          }),
        ]),
    dateTime(time),
  ].join(' · ')
  const shape = t('facts.shape', {
    paths: settings.paths,
    budget: integer(settings.budget),
    count: settings.paths,
  })
  return (
    <>
      {starred !== undefined && (
        <Tip text={t(starred ? 'history.unstar' : 'history.star')}>
          <button
            type="button"
            className="btn quiet icon tiny"
            aria-pressed={starred}
            aria-label={t('history.star')}
            onClick={() => report(updateRun(run, { starred: !starred }))}
          >
            <Star size={14} fill={starred ? 'currentColor' : 'none'} />
          </button>
        </Tip>
      )}
      <Tip text={more}>
        <span className="facts small dim ellipsis" tabIndex={0}>
          <bdi>{model.name}</bdi> · {t(`strategy.${settings.strategy}`)} ·{' '}
          {settings.runs > 1 ? t('facts.groups', { count: settings.runs, shape }) : shape}
        </span>
      </Tip>
      {model.scope !== undefined && (
        <Tip text={model.scope}>
          <span className="pill warn" tabIndex={0}>
            {t('facts.scope')}
          </span>
        </Tip>
      )}
    </>
  )
}
