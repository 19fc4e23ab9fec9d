import { ArrowLeft, FileDown } from 'lucide-react'
import { useEffect } from 'react'
import { showsValues } from '../../engine/protocol/question.ts'
import { ranUntil } from '../../engine/protocol/fold.ts'
import { exportRuns } from '../commands/export-commands.ts'
import { useT } from '../i18n/index.ts'
import { duration, integer } from '../i18n/format.ts'
import { textName } from '../i18n/segments.ts'
import { errorWords } from '../i18n/wording.ts'
import { useShownSummary } from '../run/SummaryCard.tsx'
import { useBoard } from '../run/VoteBoard.tsx'
import { RunState } from '../run/RunFacts.tsx'
import { go } from '../store/route.ts'
import { useOpenRun } from '../store/runs.ts'
import { follow } from '../store/session.ts'
import { report } from '../store/toasts.ts'
import { useConnection } from '../ui/StatusBar.tsx'
import { AnswerText, plainAnswer } from '../ui/AnswerText.tsx'
import { Menu, MenuItem } from '../ui/Menu.tsx'
import { StreamText } from '../ui/StreamText.tsx'
import '../models/models.css'
import './inspect.css'

/** Shows runs side by side: problem, cost and answer of each. */
export default function CompareRuns({ runs }: { runs: string[] }) {
  const t = useT()
  return (
    <div className="compare">
      <header className="inspect-head row">
        <button type="button" className="btn" onClick={() => go({ view: 'history' })}>
          <ArrowLeft size={14} className="flip" />
          {t('cmd.history')}
        </button>
        <h1 className="grow">{t('compare.runs')}</h1>
        <Menu
          trigger={
            <button type="button" className="btn">
              <FileDown size={14} />
              {t('run.export')}
            </button>
          }
        >
          {(['md', 'html', 'json'] as const).map((format) => (
            <MenuItem key={format} onSelect={() => report(exportRuns(runs, format))}>
              {t(`format.${format}`)}
            </MenuItem>
          ))}
        </Menu>
      </header>
      <div className="runs-compare scroll">
        {runs.map((run) => (
          <Column key={run} run={run} />
        ))}
      </div>
    </div>
  )
}

function Column({ run }: { run: string }) {
  const t = useT()
  const connection = useConnection()
  const open = useOpenRun(run)
  const summary = useShownSummary(run)
  const board = useBoard(run)
  useEffect(() => follow(run), [run, connection])
  if (open === undefined || open.shown.settings === null)
    return (
      <section className="panel run-col">
        <p className="body dim" role="status">
          {open?.error ? errorWords(open.error) : t('run.opening')}
        </p>
      </section>
    )
  const { shown } = open
  const { settings, model, problem, paths, summaries, answer } = shown
  const tokens =
    paths.reduce((sum, path) => sum + path.tokens.length, 0) +
    summaries.reduce((sum, one) => sum + one.tokens.length, 0)
  const text = summary ?? paths[0]?.segment
  return (
    <section
      className="panel run-col"
      aria-label={t(`strategy.${settings!.strategy}`)}
      data-run={run}
    >
      <header>
        <h2 className="grow">{t(`strategy.${settings!.strategy}`)}</h2>
        <RunState run={run} />
        <button type="button" className="btn tiny" onClick={() => go({ view: 'run', run })}>
          {t('action.open')}
        </button>
      </header>
      <dl className="facts-list">
        <div>
          <dt>{t('compose.problem')}</dt>
          <dd dir="auto">{problem.slice(0, 240)}</dd>
        </div>
        <div>
          <dt>{t('compose.model')}</dt>
          <dd dir="auto">{model?.name}</dd>
        </div>
        <div>
          <dt>{t('compose.paths')}</dt>
          <dd className="num">
            {paths.length} × {integer(settings!.budget)}
          </dd>
        </div>
        <div>
          <dt>{t('fact.cost')}</dt>
          <dd className="num">
            {t('unit.tokens', { count: tokens, shown: integer(tokens) })} ·{' '}
            {duration(ranUntil(shown, shown.at))}
          </dd>
        </div>
        {showsValues(shown) && (
          <div>
            <dt>{t('answer.label')}</dt>
            <dd>{answer === null ? '–' : <AnswerText text={answer} />}</dd>
          </div>
        )}
        {showsValues(shown) && paths.length > 1 && board.rows.length > 0 && (
          <div>
            <dt>{t('votes.title')}</dt>
            <dd dir="auto">
              {board.rows
                .map(
                  ({ answer, members }) =>
                    `${members.length} × ${answer === null ? t('votes.noAnswer') : plainAnswer(answer).slice(0, 24)}`,
                )
                .join(' · ')}
            </dd>
          </div>
        )}
      </dl>
      {text !== undefined && (
        <StreamText key={text} run={run} segment={text} label={textName(text)} />
      )}
    </section>
  )
}
