import { MoreHorizontal } from 'lucide-react'
import { lazy, Suspense, useEffect, useRef, type CSSProperties, type ReactNode } from 'react'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT, type MessageKey } from '../i18n/index.ts'
import { errorWords, noticeWords } from '../i18n/wording.ts'
import { follow } from '../store/session.ts'
import { modelOf, useDoing } from '../store/activity.ts'
import { useHistory } from '../store/history.ts'
import { setPref, usePrefs, type Prefs } from '../store/prefs.ts'
import { useReplay } from '../store/replay.ts'
import { isOver, useRuns, useShown } from '../store/runs.ts'
import { usePlace, useUi } from '../store/ui.ts'
import { decidingProgram } from '../../engine/protocol/deciding.ts'
import { nothingToCount, questionOf } from '../../engine/protocol/question.ts'
import type { RunState as State } from '../../engine/protocol/fold.ts'
import { forksText, pathsOf, ruleOf, shapeOf } from '../../engine/protocol/shapes.ts'
import { doingWords } from '../ui/doing.ts'
import { Menu, MenuCommand, MenuSeparator } from '../ui/Menu.tsx'
import { Segmented } from '../ui/Segmented.tsx'
import { Splitter } from '../ui/Splitter.tsx'
import { Agreement } from './Agreement.tsx'
import { AskBox } from './AskBox.tsx'
import { Bracket } from './Bracket.tsx'
import { EarlierTurns } from './EarlierTurns.tsx'
import { FindBar } from './FindBar.tsx'
import { GetModelButton } from './FirstMinute.tsx'
import { Lanes } from './Lanes.tsx'
import { Overview } from './Overview.tsx'
import { PathStrip } from './PathStrip.tsx'
import { QuestionKind } from './QuestionKind.tsx'
import { ReplayBar } from './ReplayBar.tsx'
import { RunFacts, RunState } from './RunFacts.tsx'
import { setStage, useStage } from './stage.ts'
import { SummaryCard } from './SummaryCard.tsx'
import { Versions } from './Versions.tsx'
import './run.css'
import './lanes.css'
import './stream.css'
import './panels.css'

const Programs = lazy(() => import('./Programs.tsx')) // likewise
const VoteBoard = lazy(() => import('./VoteBoard.tsx')) // compares answers, for which the window does not wait

/** Shows a run: its problem, paths, summary and votes, and its commands. */
export function RunView({ run }: { run: string }) {
  const t = useT()
  const phase = useRuns((s) => {
    const open = s.open[run]
    return open === undefined || (open.loading && open.events.length === 0) ? 'opening' : 'open'
  })
  const error = useRuns((s) => s.open[run]?.error ?? null)
  const find = useUi((s) => s.find)
  const replaying = useReplay((s) => s.replay?.run === run)
  useEffect(() => follow(run), [run])
  if (phase === 'opening')
    return (
      <p className="empty" role="status">
        {t('run.opening')}
      </p>
    )
  if (error !== null)
    return (
      <div className="empty">
        <p className="callout bad" role="alert" dir="auto">
          {errorWords(error)}
        </p>
        <div className="row">
          <CommandButton id="app.history" />
          <CommandButton id="app.new" />
        </div>
      </div>
    )
  return (
    <div className="run-view" data-run-view={run}>
      <RunHead run={run} />
      {find && <FindBar run={run} />}
      {replaying && <ReplayBar run={run} />}
      <RunNotices run={run} />
      <RunBody run={run} />
    </div>
  )
}

/** The paths or the answer, whichever has the large place, and the panels beside it. */
function RunBody({ run }: { run: string }) {
  const t = useT()
  const stage = useStage(run)
  const split = usePrefs((s) => s.split)
  const answer = stage === 'answer'
  return (
    <div
      className="run-body"
      data-stage={stage}
      style={{ '--split': String(split) } as CSSProperties}
    >
      <div className="run-main">
        {answer ? (
          <div className="answer-stage scroll">
            <EarlierTurns run={run} stage={stage} />
            <PathStrip run={run} />
            <SummaryCard run={run} />
          </div>
        ) : (
          <>
            <EarlierTurns run={run} stage={stage} />
            <RunWaiting run={run} />
            <Lanes run={run} />
          </>
        )}
        <AskBox run={run} />
      </div>
      <Splitter
        label={t('run.split')}
        value={split}
        min={0.18}
        max={0.6}
        onChange={(next) => setPref('split', next)}
      />
      <SidePanels run={run} answer={answer} />
    </div>
  )
}

function RunHead({ run }: { run: string }) {
  const t = useT()
  const shown = useShown(run, (s) => s.problem)
  // A queued run has no events yet, but it is in the list of runs.
  const asked = useHistory((s) => s.list?.find((item) => item.run === run)?.problem)
  const known = useRef('')
  if (shown !== '' || asked !== undefined) known.current = shown === '' ? asked! : shown
  const problem = known.current
  const layout = usePrefs((s) => s.layout)
  const stage = useStage(run)
  const over = useShown(run, (s) => isOver(s.status))
  return (
    <header className="run-head">
      <div className="row">
        <h1 className="run-problem" dir="auto" title={problem.slice(0, 2000)}>
          {problem.slice(0, 600)}
        </h1>
        <div className="row run-actions">
          {/* What can be done now: steer a run that thinks, ask again once it is over. */}
          {over ? (
            <>
              <CommandButton id="run.again" label="run.regenerate" />
              <CommandButton id="run.edit" label="run.editShort" />
            </>
          ) : (
            <>
              <CommandButton id="run.stopAll" />
              <CommandButton id="run.summariseNow" />
            </>
          )}
          <Menu
            trigger={
              <button type="button" className="btn" aria-label={t('run.export')}>
                {t('run.export')}
              </button>
            }
          >
            {['export.md', 'export.html', 'export.json'].map((id) => (
              <MenuCommand key={id} id={id} />
            ))}
            <MenuSeparator />
            {['copy.answer', 'copy.summary', 'path.copy', 'copy.run'].map((id) => (
              <MenuCommand key={id} id={id} />
            ))}
          </Menu>
          <Menu
            trigger={
              <button type="button" className="btn icon" aria-label={t('run.more')}>
                <MoreHorizontal size={16} />
              </button>
            }
          >
            {['run.merge', 'run.summariseSubset', 'run.followUp'].map((id) => (
              <MenuCommand key={id} id={id} />
            ))}
            <MenuSeparator />
            {['run.again', 'run.edit', 'run.otherStrategy'].map((id) => (
              <MenuCommand key={id} id={id} />
            ))}
            <MenuSeparator />
            {['run.comparePaths', 'path.inspect', 'run.attribution', 'run.find', 'run.replay'].map(
              (id) => (
                <MenuCommand key={id} id={id} />
              ),
            )}
          </Menu>
        </div>
      </div>
      <div className="row run-facts-row">
        <RunState run={run} />
        <RunFacts run={run} />
        <Versions run={run} />
        <span className="grow" />
        <Segmented
          label={t('lanes.layout')}
          value={stage === 'answer' ? stage : layout}
          onChange={(value: Prefs['layout'] | 'answer') => {
            setStage(run, value === 'answer' ? value : 'paths')
            if (value !== 'answer') setPref('layout', value)
          }}
          options={[
            { value: 'answer', label: t('lanes.answer') },
            { value: 'grid', label: t('lanes.grid') },
            { value: 'focus', label: t('lanes.focus') },
            { value: 'tabs', label: t('lanes.tabsShort') },
          ]}
        />
      </div>
    </header>
  )
}

function RunNotices({ run }: { run: string }) {
  const all = useShown(run, (s) => s.notices)
  const merged = useShown(run, (s) => s.summaries.some(({ group }) => group === null))
  // What was advised is done.
  // No summary is written that would have to be checked.
  const unmerged = useShown(
    run,
    (s) => s.summaries.length === 0 && decidingProgram(s) !== undefined,
  )
  const compared = useShown(run, (s) => (s.agreement?.winner ?? null) !== null)
  const notices = all.filter(
    ({ code }) =>
      !(merged && code.startsWith('nothing-to-count')) &&
      !(compared && code.startsWith('programs-')) &&
      !(unmerged && code.endsWith('-fusion')),
  )
  const error = useShown(run, (s) => s.error)
  const status = useShown(run, (s) => s.status)
  const place = usePlace(run)
  const t = useT()
  if (notices.length === 0 && error === null && status !== 'interrupted' && place === null)
    return null
  return (
    <div className="run-notices">
      {place !== null && (
        <p className="callout info small" data-notice="place">
          {t('run.place', { count: place })}
        </p>
      )}
      {status === 'interrupted' && (
        <div className="callout warn small row" data-notice="interrupted">
          <span className="grow">{t('run.interrupted')}</span>
          <CommandButton id="run.continueAll" look="tiny" />
        </div>
      )}
      {error !== null && (
        <div className="callout bad small row" data-notice="failed">
          <span className="grow" role="alert" dir="auto">
            {errorWords(error)}
          </span>
          <CommandButton id="run.edit" look="tiny" />
        </div>
      )}
      {notices.map((notice, i) => (
        <div key={i} className="callout info small row" data-notice={notice.code}>
          <span className="grow" dir="auto">
            {noticeWords(notice)}
          </span>
          {notice.code === 'scope' && <GetModelButton />}
        </div>
      ))}
    </div>
  )
}

function RunWaiting({ run }: { run: string }) {
  const t = useT()
  const progress = useDoing(run, (now) => (now?.phase === 'loading' ? now.fraction : null))
  const words = useDoing(run, (now) => (now === null ? null : doingWords(now, modelOf(run), t)))
  const status = useShown(run, (s) => s.status)
  const none = useShown(run, (s) => s.paths.length === 0)
  if (!none || status === 'failed' || status === 'interrupted') return null
  return (
    <div className="empty" role="status">
      {status === 'ended' ? (
        t('run.cancelled')
      ) : progress === null ? (
        t(status === 'empty' ? 'run.queued' : 'run.prefill')
      ) : (
        <>
          <span>{words}</span>
          <progress max={1} value={progress} aria-label={t('run.loading')} />
        </>
      )}
    </div>
  )
}

function SidePanels({ run, answer }: { run: string; answer: boolean }) {
  const panels = usePrefs((s) => s.panels)
  const t = useT()
  const kind = useShown(run, questionOf)
  const agrees = nothingToCount(kind)
  const programs = useShown(run, (s) => (s.agreement?.calls.length ?? 0) > 0) && kind === 'code'
  // A text that forks has one answer: there is nothing to count or to compare.
  const forks = useShown(run, forksText)
  const judges = useShown(run, (s) => s.settings !== null && ruleOf(s.settings.strategy).judges)
  // Nor is there with one path, unless its program was run.
  const single = useShown(run, (s) => s.paths.length < 2 && opensOnePath(s))
  const keys = (['summary', 'votes', 'overview'] as const).filter(
    (key) =>
      !(key === 'summary' && answer) &&
      !(key === 'votes' && (forks || (single && !programs))) &&
      !(key === 'overview' && single),
  )
  const all = keys.some((key) => panels[key])
  const toggle = (key: keyof Prefs['panels']) =>
    setPref('panels', { ...panels, [key]: !panels[key] })
  return (
    <aside className={all ? 'side' : 'side closed'} aria-label={t('run.results')}>
      <div className="row side-tabs">
        {keys.map((key) => (
          <button
            key={key}
            type="button"
            className="btn quiet tiny"
            aria-pressed={panels[key]}
            onClick={() => toggle(key)}
          >
            {t(
              key !== 'votes'
                ? `panel.${key}`
                : judges
                  ? 'panel.bracket'
                  : agrees
                    ? 'panel.agreement'
                    : 'panel.votes',
            )}
          </button>
        ))}
      </div>
      {panels.summary && !answer && <SummaryCard run={run} />}
      {keys.includes('votes') && panels.votes && (
        <SidePanel
          title={
            judges
              ? 'bracket.title'
              : programs
                ? 'programs.title'
                : agrees
                  ? 'agree.title'
                  : 'votes.title'
          }
          tools={<QuestionKind run={run} />}
        >
          {judges ? (
            <Bracket run={run} />
          ) : programs ? (
            <Suspense fallback={null}>
              <Programs run={run} />
            </Suspense>
          ) : agrees ? (
            <Agreement run={run} />
          ) : kind === null ? (
            <p className="body dim">{t('votes.undecided')}</p>
          ) : (
            <Suspense fallback={null}>
              <VoteBoard run={run} />
            </Suspense>
          )}
        </SidePanel>
      )}
      {keys.includes('overview') && panels.overview && (
        <SidePanel title={forks ? 'overview.forkTitle' : 'overview.title'}>
          <Overview run={run} />
        </SidePanel>
      )}
    </aside>
  )
}

const opensOnePath = ({ settings, model }: State): boolean =>
  settings !== null && pathsOf(shapeOf(settings, (model?.nativePaths ?? 0) > 0)) === 1

function SidePanel({
  title,
  tools,
  children,
}: {
  title: MessageKey
  tools?: ReactNode
  children: ReactNode
}) {
  const t = useT()
  return (
    <section className="panel side-panel" aria-label={t(title)}>
      <header>
        <h2 className="grow">{t(title)}</h2>
        {tools}
      </header>
      {children}
    </section>
  )
}
