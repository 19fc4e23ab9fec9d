import { memo } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { decidingVersion, isOver, useRuns, useShown, useSummaryState } from '../store/runs.ts'
import { go } from '../store/route.ts'
import { showVersion, useUi } from '../store/ui.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { Segmented } from '../ui/Segmented.tsx'
import { showAnswer } from '../ui/show-answer.ts'
import { StreamText } from '../ui/StreamText.tsx'
import { Tip } from '../ui/Tip.tsx'
import { Microscope } from 'lucide-react'
import { AttributionStrip } from './AttributionStrip.tsx'
import { useMeter } from './meter.ts'
import { STATUS_LOOK, statusKey } from './status.ts'

export const useVersions = (run: string): number[] =>
  useRuns(useShallow((s) => s.open[run]?.shown.summaries.map((one) => one.version) ?? []))

/** The version on the screen: the one chosen, else the one that the answer is from. */
export function useShownVersion(run: string): number | null {
  const deciding = useShown(run, decidingVersion)
  const versions = useVersions(run)
  const chosen = useUi((s) => s.version[run])
  return chosen !== undefined && versions.includes(chosen) ? chosen : deciding
}

/** What the paths were braided into, from which paths, and by which fusion. Old versions stay. */
export const SummaryCard = memo(function SummaryCard({ run }: { run: string }) {
  const t = useT()
  const versions = useVersions(run)
  const version = useShownVersion(run)
  const over = useShown(run, (s) => isOver(s.status))
  return (
    <section className="panel summary" aria-label={t('summary.title')} data-path="0">
      <header>
        <h2>{t('summary.title')}</h2>
        {versions.length > 1 && version !== null && (
          <Segmented
            label={t('summary.versions')}
            value={version}
            onChange={(next) => showVersion(run, next)}
            options={versions.map((value) => ({
              value,
              label: `v${value}`,
              name: t('summary.version', { version: value }),
            }))}
          />
        )}
        <span className="grow" />
        {version !== null && (
          <Tip text={t('summary.inspect')}>
            <button
              type="button"
              className="btn quiet icon tiny"
              aria-label={t('summary.inspect')}
              onClick={() => go({ view: 'inspect', run, path: 0, version, at: null })}
            >
              <Microscope size={14} />
            </button>
          </Tip>
        )}
        <CommandButton id="run.attribution" target={{ run, version }} iconOnly look="quiet tiny" />
        <CommandButton id="copy.summary" target={{ run, version }} iconOnly look="quiet tiny" />
        <CommandButton
          id="run.summariseSubset"
          target={{ run, version }}
          iconOnly
          look="quiet tiny"
        />
      </header>
      {version === null ? (
        <p className="body dim">{t(over ? 'summary.noneWritten' : 'summary.none')}</p>
      ) : (
        <SummaryBody key={version} run={run} version={version} />
      )}
    </section>
  )
})

function SummaryBody({ run, version }: { run: string; version: number }) {
  const t = useT()
  const meter = useMeter(run, 0, version)
  const summary = useSummaryState(run, version)
  if (summary === undefined) return null
  const { answer, paths, fusion, cuts, error, status } = summary
  return (
    <>
      <div className="summary-meta row wrap small">
        <span className={`pill ${STATUS_LOOK[status]}`} data-status={status}>
          {t(statusKey(status))}
        </span>
        <span className="dim">{t('summary.from')}</span>
        {paths.map((path) => (
          <span key={path} className="pathno" data-path={path}>
            {path}
          </span>
        ))}
        <Tip text={t(fusion === 'cache' ? 'fusion.cacheHelp' : 'fusion.rereadHelp')}>
          <span className="pill" tabIndex={0}>
            {t(`fusion.${fusion}`)}
          </span>
        </Tip>
        {meter !== null && (
          <span className="num dim">
            {t('unit.tokens', {
              count: meter.stream.tokens.length,
              shown: integer(meter.stream.tokens.length),
            })}
            {meter.speed === null
              ? ''
              : ` · ${t('unit.speed', { speed: meter.speed.toFixed(meter.speed < 10 ? 1 : 0) })}`}
          </span>
        )}
      </div>
      <AttributionStrip run={run} version={version} />
      {cuts.length > 0 && (
        <p className="callout warn small">
          {t('summary.cut', { list: cuts.map((cut) => `${cut.path} (${cut.removed})`).join(', ') })}
        </p>
      )}
      {error !== null && (
        <p className="callout bad small" dir="auto">
          {error.message}
        </p>
      )}
      {answer !== null && (
        <button
          type="button"
          className="answer-big"
          title={t('answer.show')}
          onClick={() => showAnswer(run, 0, version)}
        >
          <span className="dim small">{t('answer.label')}</span>
          <span className="answer-text">
            <AnswerText text={answer.text} />
          </span>
        </button>
      )}
      <StreamText run={run} path={0} version={version} label={t('summary.text', { version })} />
    </>
  )
}
