import { GitBranch, Microscope, MoreHorizontal } from 'lucide-react'
import { memo } from 'react'
import { isStated } from '../../engine/protocol/answers/statements.ts'
import { meanLogprob } from '../../engine/protocol/fold.ts'
import { runCommand } from '../commands/catalogue.ts'
import { useT } from '../i18n/index.ts'
import { duration, integer } from '../i18n/format.ts'
import { usePathField } from '../store/runs.ts'
import { activate, useUi } from '../store/ui.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { Menu, MenuCommand, MenuSeparator } from '../ui/Menu.tsx'
import { Sparkline } from '../ui/Sparkline.tsx'
import { StreamText } from '../ui/StreamText.tsx'
import { showAnswer } from '../ui/show-answer.ts'
import { Tip } from '../ui/Tip.tsx'
import { useMeter } from './meter.ts'
import { reasonKey, STATUS_LOOK, statusKey } from './status.ts'

/** One path: its figures above, its text below. `main`: the large one of the focus layout. */
export const Lane = memo(function Lane({ run, path, main = false }: { run: string; path: number; main?: boolean }) {
  const t = useT()
  const active = useUi((s) => s.active[run] === path)
  return (
    <section className={`lane ${active ? 'active' : ''} ${main ? 'main' : ''}`} data-lane={path} data-path={path} aria-label={t('lane.name', { path })}
      onClick={() => activate(run, path)} onFocus={(event) => { if (event.target.matches(':focus-visible')) activate(run, path) }}>
      <LaneHead run={run} path={path} />
      <StreamText run={run} path={path} version={1} label={t('lane.text', { path })} />
      <LaneFoot run={run} path={path} />
    </section>
  )
})

export const StatusPill = memo(function StatusPill({ run, path }: { run: string; path: number }) {
  const t = useT()
  const status = usePathField(run, path, (state) => state?.status)
  const reason = usePathField(run, path, (state) => state?.reason ?? null)
  const error = usePathField(run, path, (state) => state?.error?.message)
  if (status === undefined) return null
  const text = t(statusKey(status))
  const more = error ?? (reason === null ? text : t(reasonKey(reason)))
  return <Tip text={more}><span className={`pill ${STATUS_LOOK[status]}`} data-status={status}>{text}</span></Tip>
})

const LaneHead = memo(function LaneHead({ run, path }: { run: string; path: number }) {
  const t = useT()
  const meter = useMeter(run, path, 1)
  const budget = usePathField(run, path, (state) => state?.budget ?? 0)
  const parent = usePathField(run, path, (state) => state?.parent ?? null)
  if (meter === null) return <header className="lane-head" />
  const { stream, speed, confidence } = meter
  const wait = stream.firstTokenAt === null ? null : stream.firstTokenAt - stream.startedAt
  const mean = meanLogprob(stream)
  const used = stream.tokens.length
  return (
    <header className="lane-head">
      <div className="row">
        <h3 className="pathno">{t('lane.name', { path })}</h3>
        {parent !== null && <Tip text={t('lane.branchOf', { path: parent.path, at: parent.at })}><span className="pill"><GitBranch size={11} aria-hidden />{parent.path}</span></Tip>}
        <StatusPill run={run} path={path} />
        <span className="grow" />
        <span className="num small dim">{speed === null ? '–' : t('unit.speed', { speed: speed.toFixed(speed < 10 ? 1 : 0) })}</span>
        <LaneTools run={run} path={path} />
      </div>
      <div className="row lane-figures num">
        <Tip text={t('lane.confidence', { mean: mean === null ? '–' : mean.toFixed(2) })}>
          <span className="spark-box" tabIndex={-1}><Sparkline values={confidence} label={t('lane.confidence', { mean: mean === null ? '–' : mean.toFixed(2) })} /></span>
        </Tip>
        <Tip text={t('lane.firstToken')}><span>{wait === null ? '–' : duration(wait)}</span></Tip>
        <span className="bar" role="meter" aria-label={t('lane.budget')} aria-valuemin={0} aria-valuemax={budget} aria-valuenow={Math.min(used, budget)}>
          <span style={{ inlineSize: `${Math.min(100, (100 * used) / Math.max(1, budget))}%` }} />
        </span>
        <span className="lane-count">{integer(used)} / {integer(budget)}</span>
      </div>
    </header>
  )
})

/** Apart from the figures, which change several times a second. */
const LaneTools = memo(function LaneTools({ run, path }: { run: string; path: number }) {
  const t = useT()
  return <>
    <Tip text={t('cmd.path.inspect')}>
      <button type="button" className="btn quiet icon tiny" aria-label={t('lane.inspect', { path })} onClick={() => runCommand('path.inspect', { run, path })}><Microscope size={14} /></button>
    </Tip>
    <Menu trigger={<button type="button" className="btn quiet icon tiny" aria-label={t('lane.actions', { path })}><MoreHorizontal size={14} /></button>}>
      {['path.stop', 'path.extend', 'path.branch', 'path.drop'].map((id) => <MenuCommand key={id} id={id} target={{ run, path }} />)}
      <MenuSeparator />
      {['path.inspect', 'path.copy'].map((id) => <MenuCommand key={id} id={id} target={{ run, path }} />)}
    </Menu>
  </>
})

/** The answer of an ended path; a click shows where it stands. */
const LaneFoot = memo(function LaneFoot({ run, path }: { run: string; path: number }) {
  const t = useT()
  const answer = usePathField(run, path, (state) => state?.answer ?? null)
  const stated = usePathField(run, path, (state) => state !== undefined && isStated(state))
  const error = usePathField(run, path, (state) => state?.error ?? null)
  if (error !== null) return <footer className="lane-foot callout bad small" dir="auto">{error.message}</footer>
  if (answer === null) return null
  return (
    <footer className="lane-foot">
      <button type="button" className="answer-chip" title={t('answer.show')} onClick={() => showAnswer(run, path, 1)}>
        <span className="dim small">{t(stated ? 'answer.label' : 'answer.lastNumber')}</span><span className="ellipsis"><AnswerText text={answer.text} /></span>
      </button>
    </footer>
  )
})
