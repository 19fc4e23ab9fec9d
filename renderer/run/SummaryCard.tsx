import { lazy, memo, Suspense } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { wonBy } from '../../engine/protocol/consensus.ts'
import {
  decidingProgram,
  decidingSummary,
  judgedWinner,
  spokesman,
} from '../../engine/protocol/deciding.ts'
import { isOpen, type RunState } from '../../engine/protocol/fold.ts'
import { nothingToCount, questionOf, showsValues } from '../../engine/protocol/question.ts'
import { numberOf, roleOf, type SegmentId } from '../../engine/protocol/segments.ts'
import { forksText } from '../../engine/protocol/shapes.ts'
import { CommandButton } from '../commands/CommandButton.tsx'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { segmentName, shortName, textName } from '../i18n/segments.ts'
import { errorWords } from '../i18n/wording.ts'
import { useDoing } from '../store/activity.ts'
import { isOver, useRuns, useSegment, useShown } from '../store/runs.ts'
import { go } from '../store/route.ts'
import { activate, followSummary, useUi } from '../store/ui.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { doingWords } from '../ui/doing.ts'
import { Segmented } from '../ui/Segmented.tsx'
import { showAnswer } from '../ui/show-answer.ts'
import { StreamText } from '../ui/StreamText.tsx'
import { Tip } from '../ui/Tip.tsx'
import { Crosshair, Microscope } from 'lucide-react'
import { CodeView } from '../ui/BlockView.tsx'
import { AttributionStrip } from './AttributionStrip.tsx'
import { useMeter } from './meter.ts'
import { STATUS_LOOK, statusKey } from './status.ts'

const AnswerNote = lazy(() => import('./AnswerNote.tsx')) // compares answers, for which the window does not wait

export const useSummaries = (run: string): SegmentId[] =>
  useRuns(useShallow((s) => s.open[run]?.shown.summaries.map(({ segment }) => segment) ?? []))

/** Returns the summary to show: the one that the user chose, otherwise the one that gives the answer. */
export function useShownSummary(run: string): SegmentId | null {
  const deciding = useShown(run, (s) => decidingSummary(s)?.segment ?? null)
  const summaries = useSummaries(run)
  const chosen = useUi((s) => s.active[run]?.summary)
  return chosen !== undefined && summaries.includes(chosen) ? chosen : deciding
}

/**
 * Returns the path that gives the answer of a run that is over: it won a vote, or a text ends in it. Where no path has
 * an answer, a summary is nearer to one.
 */
function answeringPath(state: RunState): SegmentId | null {
  const has = state.votes.length > 0 || forksText(state)
  const said = isOver(state.status) && has ? spokesman(state) : undefined
  if (said?.role !== 'path') return null
  return said.answer !== null || decidingSummary(state) === undefined ? said.segment : null
}

/** Returns the text to show: the summary that the user chose, otherwise what gives the answer. */
export function useShownText(run: string): SegmentId | null {
  const summary = useShownSummary(run)
  const path = useShown(run, answeringPath)
  const chosen = useUi((s) => s.active[run]?.summary)
  return path === null || (chosen !== undefined && chosen === summary) ? summary : path
}

/** Lets the user choose among the summaries and, if a path gives the answer, that path. */
function SummaryVersions({ run, shown }: { run: string; shown: SegmentId }) {
  const t = useT()
  const summaries = useSummaries(run)
  const path = useShown(run, answeringPath)
  const texts = path === null ? summaries : [path, ...summaries]
  if (texts.length < 2) return null
  return (
    <Segmented
      label={t('summary.versions')}
      value={shown}
      onChange={(next) => (next === path ? followSummary(run) : activate(run, next))}
      options={texts.map((value) => ({
        value,
        label: value === path ? segmentName(value) : shortName(value),
        name: segmentName(value),
      }))}
    />
  )
}

/** Shows a summary, the paths it was written from and how they were merged. Earlier summaries can be chosen. */
export const SummaryCard = memo(function SummaryCard({ run }: { run: string }) {
  const t = useT()
  const shown = useShownText(run)
  const summary = shown !== null && roleOf(shown) === 'summary' ? shown : null
  const over = useShown(run, (s) => isOver(s.status))
  /** The summary shown is the answer, since the question has no single value. */
  const whole = useShown(
    run,
    (s) =>
      nothingToCount(questionOf(s)) && summary !== null && decidingSummary(s)?.segment === summary,
  )
  const unmerged = useShown(
    run,
    (s) => isOver(s.status) && s.paths.length > 1 && nothingToCount(questionOf(s)),
  )
  const program = useShown(run, (s) => {
    const segment = decidingProgram(s)
    return segment !== undefined && roleOf(segment) === 'path' ? segment : null
  })
  if (program !== null && summary === null) return <ProgramCard run={run} segment={program} />
  if (shown !== null && summary === null) return <VotedCard run={run} segment={shown} />
  return (
    <section
      className={whole ? 'panel summary whole' : 'panel summary'}
      aria-label={t('summary.title')}
      data-segment={summary ?? undefined}
    >
      <header>
        <h2>{t('summary.title')}</h2>
        {whole && <span className="pill ok">{t('answer.label')}</span>}
        {summary !== null && <SummaryVersions run={run} shown={summary} />}
        <span className="grow" />
        {summary !== null && (
          <Tip text={t('summary.inspect')}>
            <button
              type="button"
              className="btn quiet icon tiny"
              aria-label={t('summary.inspect')}
              onClick={() => go({ view: 'inspect', run, segment: summary, at: null })}
            >
              <Microscope size={14} aria-hidden />
              <span className="if-wide">{t('summary.inspectShort')}</span>
            </button>
          </Tip>
        )}
        <CommandButton
          id="run.attribution"
          target={{ run, summary }}
          iconOnly
          short="summary.usedShort"
          look="quiet tiny"
        />
        <CommandButton
          id="copy.summary"
          target={{ run, summary }}
          iconOnly
          short="summary.copyShort"
          look="quiet tiny"
        />
        <CommandButton
          id="run.summariseSubset"
          target={{ run, summary }}
          iconOnly
          short="summary.againShort"
          look="quiet tiny"
        />
      </header>
      {summary === null ? (
        <div className="body col">
          <p className="dim">
            {t(unmerged ? 'summary.notMerged' : over ? 'summary.noneWritten' : 'summary.none')}
          </p>
          {unmerged && (
            <div className="row">
              <CommandButton id="run.merge" look="primary" />
            </div>
          )}
        </div>
      ) : (
        <SummaryBody key={summary} run={run} segment={summary} />
      )}
    </section>
  )
})

/** Shows the answer that the user chose, that won the vote, that judges prefer, or that a text ends in which forked, and the path that gave it. */
function VotedCard({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  const forked = useShown(run, (s) => s.votes.length === 0)
  const answer = useShown(run, (s) => (showsValues(s) ? s.answer : null))
  const text = useSegment(run, segment)?.answer?.text ?? answer
  const judged = useShown(run, (s) => judgedWinner(s) === segment)
  const byHand = useShown(run, (s) => s.votes.some(({ chosen }) => chosen !== undefined))
  const title = t(forked || judged || byHand ? 'answer.label' : 'answer.voted')
  const from = forked
    ? 'answer.end'
    : byHand
      ? 'answer.chosen'
      : judged
        ? 'answer.judged'
        : 'answer.from'
  return (
    <section className="panel summary" aria-label={title} data-segment={segment}>
      <header>
        <h2>{title}</h2>
        <span className="dim small">{t(from, { name: segmentName(segment) })}</span>
        <SummaryVersions run={run} shown={segment} />
        <span className="grow" />
        <AnswerTools run={run} />
      </header>
      {text !== null && <AnswerBig run={run} segment={segment} text={text} />}
      <StreamText run={run} segment={segment} label={textName(segment)} answer />
    </section>
  )
}

/** What can be done with an answer that no summary gave. */
function AnswerTools({ run }: { run: string }) {
  const of = { target: { run }, iconOnly: true, look: 'quiet tiny' }
  return (
    <>
      <CommandButton id="copy.answer" short="summary.copyShort" {...of} />
      <CommandButton id="run.merge" short="summary.mergeShort" {...of} />
    </>
  )
}

/** The value of the answer, and how many paths agree with it. */
function AnswerBig({ run, segment, text }: { run: string; segment: SegmentId; text: string }) {
  const t = useT()
  return (
    <div className="answer-block">
      <button
        type="button"
        className="answer-big"
        title={t('answer.show')}
        onClick={() => showAnswer(run, segment)}
      >
        <span className="dim small">{t('answer.label')}</span>
        <span className="answer-text">
          <AnswerText text={text} />
        </span>
      </button>
      <Suspense fallback={null}>
        <AnswerNote run={run} answer={text} />
      </Suspense>
    </div>
  )
}

/** Shows the program that is the answer. */
function ProgramCard({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  const agreement = useShown(run, (s) => s.agreement)
  const index = agreement?.of.indexOf(segment) ?? -1
  const program = agreement?.programs[index]
  if (program === undefined) return null
  const by = agreement!.chosen === segment ? null : wonBy(agreement!, index)
  const source = program.source.trimEnd()
  return (
    <section
      className="panel summary whole"
      aria-label={t('programs.answer', { name: segmentName(segment) })}
      data-segment={segment}
    >
      <header>
        <h2>{t('programs.answer', { name: segmentName(segment) })}</h2>
        <span className="pill ok">{t('answer.label')}</span>
        <span className="grow" />
        <Tip text={t('agree.showPath', { name: segmentName(segment) })}>
          <button
            type="button"
            className="btn quiet icon tiny"
            aria-label={t('agree.showPath', { name: segmentName(segment) })}
            onClick={() => activate(run, segment)}
          >
            <Crosshair size={14} />
          </button>
        </Tip>
        <AnswerTools run={run} />
      </header>
      <div className="program-text scroll md">
        <p className="small dim">{t(by === null ? 'votes.byHand' : `programs.wonBy.${by}`)}</p>
        <CodeView
          code={source}
          info={program.language ?? ''}
          markStart={0}
          markEnd={0}
          fence={0}
          copy={() => source}
        />
      </div>
    </section>
  )
}

function SummaryBody({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  const meter = useMeter(run, segment)
  const summary = useSegment(run, segment)
  const values = useShown(run, showsValues)
  if (summary === undefined) return null
  const { answer, reads, fusion, cuts, error, status, source } = summary
  return (
    <>
      <div className="summary-meta row wrap small">
        <span className={`pill ${STATUS_LOOK[status]}`} data-status={status}>
          {t(statusKey(status))}
        </span>
        <span className="dim">{t('summary.from')}</span>
        {reads.map((read) => (
          <span key={read} className="pathno" data-segment={read}>
            {shortName(read)}
          </span>
        ))}
        {fusion !== null && (
          <Tip text={t(fusion === 'cache' ? 'fusion.cacheHelp' : 'fusion.rereadHelp')}>
            <span className="pill" tabIndex={0}>
              {t(`fusion.${fusion}`)}
            </span>
          </Tip>
        )}
        {source.type === 'merge' && (
          <Tip text={t('fusion.mergedHelp')}>
            <span className="pill" tabIndex={0}>
              {t('fusion.merged')}
            </span>
          </Tip>
        )}
        {meter !== null && (
          <span className="num dim">
            {t('unit.tokens', {
              count: meter.state.tokens.length,
              shown: integer(meter.state.tokens.length),
            })}
            {meter.speed === null
              ? ''
              : ` · ${t('unit.speed', { speed: meter.speed.toFixed(meter.speed < 10 ? 1 : 0) })}`}
          </span>
        )}
      </div>
      <AttributionStrip run={run} segment={segment} />
      {cuts.length > 0 && (
        <p className="callout warn small">
          {t(fusion === 'cache' ? 'summary.shortened' : 'summary.cut', {
            list: cuts.map((cut) => `${numberOf(cut.segment)} (${cut.removed})`).join(', '),
          })}
        </p>
      )}
      {error !== null && (
        <p className="callout bad small" dir="auto">
          {errorWords(error)}
        </p>
      )}
      {values && answer !== null && <AnswerBig run={run} segment={segment} text={answer.text} />}
      {isOpen(summary) && summary.tokens.length === 0 && <ReadingPaths run={run} />}
      <StreamText run={run} segment={segment} label={textName(segment)} />
    </>
  )
}

/** How much of the paths is read before the summary's first token. */
function ReadingPaths({ run }: { run: string }) {
  const t = useT()
  const words = useDoing(run, (now) => (now?.phase === 'reading' ? doingWords(now, '', t) : null))
  const fraction = useDoing(run, (now) => (now?.phase === 'reading' ? now.fraction : null))
  return (
    <div className="body row dim" data-reading={fraction ?? ''}>
      <span>{words ?? t('summary.reading')}</span>
      {fraction !== null && <progress max={1} value={fraction} aria-label={t('summary.reading')} />}
    </div>
  )
}
