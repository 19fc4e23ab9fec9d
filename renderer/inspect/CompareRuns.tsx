import { ArrowLeft, ChevronRight, FileDown } from 'lucide-react'
import { useEffect, useMemo } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { showsValues } from '../../engine/protocol/question.ts'
import { EMPTY_RUN, ranUntil, type RunState as State } from '../../engine/protocol/fold.ts'
import { exportRuns } from '../commands/export-commands.ts'
import { useT } from '../i18n/index.ts'
import { dateTime, duration, integer } from '../i18n/format.ts'
import { textName } from '../i18n/segments.ts'
import { errorWords } from '../i18n/wording.ts'
import { useShownText } from '../run/SummaryCard.tsx'
import { useBoard } from '../run/VoteBoard.tsx'
import { RunState } from '../run/RunFacts.tsx'
import { useHistory } from '../store/history.ts'
import { go } from '../store/route.ts'
import { useOpenRun, useRuns } from '../store/runs.ts'
import { follow } from '../store/session.ts'
import { report } from '../store/toasts.ts'
import { useConnection } from '../ui/StatusBar.tsx'
import { AnswerText, plainAnswer } from '../ui/AnswerText.tsx'
import { Menu, MenuItem } from '../ui/Menu.tsx'
import { StreamText } from '../ui/StreamText.tsx'
import { visible } from '../ui/visible.ts'
import { headsOf, settingRows, type RunHead, type SettingRow } from './compare-settings.ts'
import { settingName, settingWords } from './setting-words.ts'
import '../models/models.css'
import './inspect.css'

/** Settings that every card is headed by. */
const FACTS = ['model', 'strategy', 'paths']

const stateOf = (run: string): State => useRuns.getState().open[run]?.shown ?? EMPTY_RUN

/** Shows runs side by side: what tells them apart, how each ended, its cost, answer and text. */
export default function CompareRuns({ runs }: { runs: string[] }) {
  const t = useT()
  /** The runs whose settings are known, in order. */
  const known = useRuns(
    useShallow((s) => runs.filter((run) => (s.open[run]?.shown.settings ?? null) !== null)),
  )
  const rows = useMemo(() => settingRows(known.map(stateOf)), [known])
  const heads = useHeads(known, rows)
  const equal = rows.filter(({ same }) => same)
  /** The question, if all ask the same. */
  const question = useRuns((s) => {
    const [first, ...others] = runs.map((run) => s.open[run]?.shown.problem ?? '')
    return first && others.every((other) => other === first) ? first : null
  })
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
      {question !== null && (
        <p className="runs-question" dir="auto">
          {visible(question.slice(0, 600))}
        </p>
      )}
      <div className="runs-compare scroll">
        {runs.map((run) => (
          <Column
            key={run}
            run={run}
            head={heads[known.indexOf(run)]}
            asks={question === null}
            settings={rows
              .filter(({ same }) => !same)
              .map(({ key, values }) => [key, values[known.indexOf(run)]])}
          />
        ))}
      </div>
      {known.length > 1 && equal.length > 0 && (
        <details className="equal-settings">
          <summary>
            <ChevronRight size={12} aria-hidden className="chevron" />
            {t('compare.equal', { count: equal.length })}
          </summary>
          <dl className="facts-list scroll">
            {equal.map(({ key, values }) => (
              <div key={key}>
                <dt>{settingName(key, t)}</dt>
                <dd dir="auto">{settingWords(key, values[0], t)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </div>
  )
}

/** Returns by what each run is told from the others. */
function useHeads(runs: readonly string[], rows: readonly SettingRow[]): RunHead[] {
  const t = useT()
  const titles = useHistory(
    useShallow((s) => runs.map((run) => s.list?.find((item) => item.run === run)?.title ?? '')),
  )
  const apart = rows.filter(({ key, same }) => !same && !FACTS.includes(key))
  return headsOf(
    runs.map((run, i) => {
      const { problem, time } = stateOf(run)
      const value = (key: string) => rows.find((row) => row.key === key)?.values[i]
      return {
        title: visible(titles[i] || problem).slice(0, 300),
        facts: [
          settingWords('model', value('model'), t),
          settingWords('strategy', value('strategy'), t),
          t('unit.paths', { count: Number(value('paths') ?? 0) }),
        ],
        others: [
          ...apart.map(
            ({ key, values }) =>
              `${settingName(key, t)} ${settingWords(key, values[i], t).slice(0, 60)}`,
          ),
          dateTime(time),
        ],
      }
    }),
  )
}

function Column({
  run,
  head,
  asks,
  settings,
}: {
  run: string
  head: RunHead | undefined
  /** Shows its question, since another run has another one. */
  asks: boolean
  /** Those that differ from the other runs'. */
  settings: readonly (readonly [key: string, value: SettingRow['values'][number]])[]
}) {
  const t = useT()
  const connection = useConnection()
  const open = useOpenRun(run)
  const answering = useShownText(run)
  const board = useBoard(run)
  useEffect(() => follow(run), [run, connection])
  if (open === undefined || head === undefined)
    return (
      <section className="panel run-col">
        <p className="body dim" role="status">
          {open?.error ? errorWords(open.error) : t('run.opening')}
        </p>
      </section>
    )
  const { shown } = open
  const { problem, paths, summaries, answer } = shown
  const tokens =
    paths.reduce((sum, path) => sum + path.tokens.length, 0) +
    summaries.reduce((sum, one) => sum + one.tokens.length, 0)
  const text = answering ?? paths[0]?.segment
  return (
    <section className="panel run-col" aria-label={head.title} data-run={run}>
      <header>
        <div className="grow run-col-head">
          <h2 dir="auto" title={head.title}>
            {head.title}
          </h2>
          {head.more !== '' && <p className="small dim">{head.more}</p>}
        </div>
        <div className="row run-col-state">
          <RunState run={run} />
          <span className="grow" />
          <button type="button" className="btn tiny" onClick={() => go({ view: 'run', run })}>
            {t('action.open')}
          </button>
        </div>
      </header>
      <div className="run-col-facts scroll">
        <dl className="facts-list">
          {asks && (
            <div>
              <dt>{t('compose.problem')}</dt>
              <dd dir="auto">{problem.slice(0, 240)}</dd>
            </div>
          )}
          {settings.map(([key, value]) => (
            <div key={key} className="differs" title={t('compare.differs')}>
              <dt>
                {settingName(key, t)}
                <span className="sr"> ({t('compare.differs')})</span>
              </dt>
              <dd dir="auto">{settingWords(key, value, t)}</dd>
            </div>
          ))}
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
      </div>
      {text !== undefined && (
        <StreamText key={text} run={run} segment={text} label={textName(text)} />
      )}
    </section>
  )
}
