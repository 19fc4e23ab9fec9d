import { X } from 'lucide-react'
import { useState } from 'react'
import type { Experiment, LabRun } from '../../engine/protocol/wire.ts'
import { duration, integer } from '../i18n/format.ts'
import { useT } from '../i18n/index.ts'
import { errorWords } from '../i18n/wording.ts'
import { useLab } from '../store/lab.ts'
import { formatRoute } from '../store/route.ts'
import { visible } from '../ui/visible.ts'
import { keyOf, rowName } from './names.ts'

const SHOWN = 100

/** The runs behind a row, wrong ones first. Each opens as a run. */
export function CellRuns({ experiment }: { experiment: Experiment }) {
  const t = useT()
  const chosen = useLab((s) => s.cell)
  const runs = useLab((s) => s.runs)
  const [all, setAll] = useState(false)
  const cell =
    chosen?.experiment === experiment.id
      ? experiment.cells.find((one) => keyOf(one) === keyOf(chosen))
      : undefined
  if (cell === undefined) return null
  const title = t('cell.title', { row: visible(rowName(cell)) })
  return (
    <section className="panel" aria-label={title}>
      <header>
        <h2 className="grow">{title}</h2>
        <button
          type="button"
          className="btn quiet icon tiny"
          aria-label={t('cell.close')}
          onClick={() => useLab.setState({ cell: null, runs: null })}
        >
          <X size={14} />
        </button>
      </header>
      {runs === null ? (
        <p className="body dim">{t('cell.loading')}</p>
      ) : (
        <div className="lab-table-box scroll">
          <table className="table lab-runs">
            <thead>
              <tr>
                <th scope="col">{t('cell.result')}</th>
                <th scope="col">{t('cell.problem')}</th>
                <th scope="col">{t('cell.answer')}</th>
                <th scope="col">{t('cell.expected')}</th>
                <th scope="col" className="num">
                  {t('cell.tokens')}
                </th>
                <th scope="col" className="num">
                  {t('cell.time')}
                </th>
              </tr>
            </thead>
            <tbody>
              {(all ? runs : runs.slice(0, SHOWN)).map((run) => (
                <RunRow key={`${run.problem}/${run.sample}`} run={run} />
              ))}
            </tbody>
          </table>
          {!all && runs.length > SHOWN && (
            <button type="button" className="btn quiet" onClick={() => setAll(true)}>
              {t('cell.more', { count: integer(runs.length) })}
            </button>
          )}
        </div>
      )}
    </section>
  )
}

function RunRow({ run }: { run: LabRun }) {
  const t = useT()
  const [look, word] = run.correct
    ? (['ok', 'cell.right'] as const)
    : run.error !== undefined
      ? (['bad', 'cell.failed'] as const)
      : run.anyPath
        ? (['warn', 'cell.wrongSome'] as const)
        : (['bad', 'cell.wrong'] as const)
  const text = visible(run.text === '' ? String(run.problem + 1) : run.text)
  return (
    <tr data-correct={run.correct}>
      <td>
        <span className={`pill ${look}`}>{t(word)}</span>
      </td>
      <td className="lab-problem">
        {run.run === null ? (
          <span className="ellipsis" dir="auto" title={text}>
            {text}
          </span>
        ) : (
          <a
            className="link ellipsis"
            href={formatRoute({ view: 'run', run: run.run })}
            title={text}
            aria-label={`${t('cell.open', { number: run.problem + 1 })}: ${text}`}
          >
            <bdi>{text}</bdi>
          </a>
        )}
      </td>
      <td className="lab-answer" dir="auto">
        {run.error !== undefined ? (
          <span className="bad-text">{visible(errorWords(run.error))}</span>
        ) : run.answer === null ? (
          <span className="dim">{t('cell.noAnswer')}</span>
        ) : (
          visible(run.answer)
        )}
      </td>
      <td className="lab-answer" dir="auto">
        {visible(run.expected)}
      </td>
      <td className="num">{integer(run.tokens)}</td>
      <td className="num">{run.ms === 0 ? '–' : duration(run.ms)}</td>
    </tr>
  )
}
