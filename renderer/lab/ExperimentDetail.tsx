import { CircleStop, FileDown, Pause, Play, Trash2 } from 'lucide-react'
import { lazy, Suspense, useMemo, useState } from 'react'
import type { Experiment } from '../../engine/protocol/wire.ts'
import { dateTime, duration, integer } from '../i18n/format.ts'
import { useLanguage, useT } from '../i18n/index.ts'
import { errorWords } from '../i18n/wording.ts'
import { commandExperiment, exportExperiment } from '../store/lab.ts'
import { go } from '../store/route.ts'
import { report } from '../store/toasts.ts'
import { Dialog } from '../ui/Dialog.tsx'
import { Menu, MenuItem } from '../ui/Menu.tsx'
import { baseName, visible } from '../ui/visible.ts'
import { CellRuns } from './CellRuns.tsx'
import { CellsTable } from './CellsTable.tsx'
import { chartOf } from './series.ts'
import { StatePill } from './StatePill.tsx'
import { Verdict } from './Verdict.tsx'

const Chart = lazy(() => import('./Chart.tsx'))

/** One experiment: how far it is, what it says so far, and the runs behind it. */
export function ExperimentDetail({ experiment }: { experiment: Experiment }) {
  const t = useT()
  const { id, title, state, cells, error } = experiment
  const [deleting, setDeleting] = useState(false)
  const language = useLanguage()
  const chart = useMemo(() => chartOf(cells), [cells, language]) // its names are in the language
  const command = (name: 'pause' | 'resume' | 'cancel' | 'delete') =>
    report(commandExperiment(id, name))
  return (
    <>
      <section
        className="panel"
        aria-label={visible(title)}
        data-experiment={id}
        data-state={state}
      >
        <header>
          <h2 className="grow ellipsis">
            <bdi>{visible(title)}</bdi>
          </h2>
          <StatePill state={state} />
          {(state === 'running' || state === 'waiting') && (
            <button type="button" className="btn" onClick={() => command('pause')}>
              <Pause size={14} aria-hidden />
              {t('exp.pause')}
            </button>
          )}
          {(state === 'paused' || state === 'failed') && (
            <button type="button" className="btn primary" onClick={() => command('resume')}>
              <Play size={14} aria-hidden />
              {t('exp.resume')}
            </button>
          )}
          {state !== 'done' && state !== 'cancelled' && (
            <button type="button" className="btn" onClick={() => command('cancel')}>
              <CircleStop size={14} aria-hidden />
              {t('exp.cancel')}
            </button>
          )}
          <Menu
            trigger={
              <button type="button" className="btn" disabled={cells.length === 0}>
                <FileDown size={14} aria-hidden />
                {t('exp.export')}
              </button>
            }
          >
            {(['csv', 'json', 'html'] as const).map((format) => (
              <MenuItem key={format} onSelect={() => report(exportExperiment(id, format))}>
                {t(`exp.export.${format}`)}
              </MenuItem>
            ))}
          </Menu>
          <button
            type="button"
            className="btn quiet icon"
            aria-label={t('action.delete')}
            onClick={() => setDeleting(true)}
          >
            <Trash2 size={14} />
          </button>
        </header>
        <div className="body col">
          <Facts experiment={experiment} />
          {error !== undefined && (
            <p className={`callout small ${state === 'failed' ? 'bad' : 'warn'}`} dir="auto">
              {visible(errorWords(error))}
            </p>
          )}
          <Verdict experiment={experiment} />
        </div>
        {cells.length > 0 && <CellsTable experiment={experiment} />}
        {cells.length > 0 && <p className="small dim lab-hint">{t('table.hint')}</p>}
      </section>
      <CellRuns experiment={experiment} />
      {chart !== null && (
        <section className="panel lab-chart-box" aria-label={t(chart.title)}>
          <Suspense fallback={null}>
            <Chart data={chart} />
          </Suspense>
        </section>
      )}
      {deleting && (
        <Dialog
          title={t('exp.deleteTitle')}
          onClose={() => setDeleting(false)}
          footer={
            <>
              <button type="button" className="btn" onClick={() => setDeleting(false)}>
                {t('action.cancel')}
              </button>
              <button
                type="button"
                className="btn danger"
                onClick={() => {
                  setDeleting(false)
                  command('delete')
                  go({ view: 'lab', experiment: null })
                }}
              >
                {t('action.delete')}
              </button>
            </>
          }
        >
          <p>
            <bdi>{visible(title)}</bdi>
          </p>
          <p className="small dim">{t('exp.deleteText')}</p>
        </Dialog>
      )}
    </>
  )
}

function Facts({ experiment }: { experiment: Experiment }) {
  const t = useT()
  const { title, model, spec, time, state, done, wanted, msLeft, searching, unscored } = experiment
  const problems = Math.min(
    spec.limit ?? Infinity,
    unscored === null ? Infinity : unscored.of - unscored.count,
  )
  const facts = [
    model,
    Number.isFinite(problems)
      ? t('exp.set', {
          problems: t('new.count', { count: problems }),
          name: baseName(spec.data),
        })
      : baseName(spec.data),
    t('exp.seed', { seed: spec.settings.seed ?? 0 }),
    dateTime(time),
  ]
  const going = state === 'running'
  return (
    <>
      <p className="small dim">
        <bdi>{facts.map(visible).join(' · ')}</bdi>
      </p>
      {state !== 'waiting' && (
        <div className="row lab-progress">
          <progress
            aria-label={t('exp.progress', { name: visible(title) })}
            max={Math.max(1, wanted)}
            value={done}
          />
          <span className="small num">
            {searching !== null
              ? t('exp.searching', { count: searching })
              : wanted === 0 && going
                ? t('exp.reading')
                : t('exp.done', { done: integer(done), wanted: integer(wanted) })}
            {going && msLeft !== null && msLeft > 0 && (
              <span className="dim"> · {t('exp.left', { time: duration(msLeft) })}</span>
            )}
          </span>
        </div>
      )}
    </>
  )
}
