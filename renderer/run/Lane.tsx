import { ChevronRight } from 'lucide-react'
import { memo } from 'react'
import { showsValues } from '../../engine/protocol/question.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { useLanguage, useT } from '../i18n/index.ts'
import { segmentName, textName } from '../i18n/segments.ts'
import { errorWords } from '../i18n/wording.ts'
import { useFolds } from '../store/folds.ts'
import { useSegmentField, useShown } from '../store/runs.ts'
import { activate, unfold, useUi } from '../store/ui.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { showAnswer } from '../ui/show-answer.ts'
import { StreamText } from '../ui/StreamText.tsx'
import { LaneHead } from './LaneHead.tsx'

/** One path, with its figures above its text. `main`: the large lane of the focus layout. */
export const Lane = memo(function Lane({
  run,
  segment,
  main = false,
}: {
  run: string
  segment: SegmentId
  main?: boolean
}) {
  useLanguage()
  const active = useUi((s) => s.active[run]?.path === segment)
  return (
    <section
      className={`lane ${active ? 'active' : ''} ${main ? 'main' : ''}`}
      data-lane={segment}
      data-segment={segment}
      aria-label={segmentName(segment)}
      onClick={() => activate(run, segment)}
      onFocus={(event) => {
        if (event.target.matches(':focus-visible')) activate(run, segment)
      }}
    >
      <LaneHead run={run} segment={segment} />
      <StreamText run={run} segment={segment} label={textName(segment)} />
      <LaneFoot run={run} segment={segment} />
      <ChildrenLine run={run} segment={segment} />
    </section>
  )
})

/** Shows the children of a path's plan, which are folded once the text has gone on behind them, or folds them again. */
const ChildrenLine = memo(function ChildrenLine({
  run,
  segment,
}: {
  run: string
  segment: SegmentId
}) {
  const t = useT()
  const { folds, open } = useFolds(run)
  const fold = folds.find(({ parent }) => parent === segment)
  if (fold === undefined) return null
  const shows = open.has(segment)
  const others = [...open].filter((parent) => parent !== segment)
  return (
    <footer className="lane-foot">
      <button
        type="button"
        className="btn quiet tiny fold"
        aria-expanded={shows}
        onClick={() => unfold(run, shows ? others : [...others, segment], shows ? fold.all : [])}
      >
        <ChevronRight size={12} aria-hidden className="chevron" />
        {t('lane.children', { count: fold.children })}
      </button>
    </footer>
  )
})

/** The answer of a path that has ended. A click shows it in the text. */
const LaneFoot = memo(function LaneFoot({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  const answer = useSegmentField(run, segment, (state) => state?.answer ?? null)
  const values = useShown(run, showsValues)
  const error = useSegmentField(run, segment, (state) => state?.error ?? null)
  if (error !== null)
    return (
      <footer className="lane-foot callout bad small" dir="auto">
        {errorWords(error)}
      </footer>
    )
  if (answer === null || !values) return null
  return (
    <footer className="lane-foot">
      <button
        type="button"
        className="answer-chip"
        title={t('answer.show')}
        onClick={() => showAnswer(run, segment)}
      >
        <span className="dim small">{t('answer.label')}</span>
        <span className="ellipsis">
          <AnswerText text={answer.text} />
        </span>
      </button>
    </footer>
  )
})
