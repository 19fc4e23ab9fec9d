import { memo } from 'react'
import { isStated } from '../../engine/protocol/answers/statements.ts'
import { useT } from '../i18n/index.ts'
import { usePathField } from '../store/runs.ts'
import { activate, useUi } from '../store/ui.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { showAnswer } from '../ui/show-answer.ts'
import { StreamText } from '../ui/StreamText.tsx'
import { LaneHead } from './LaneHead.tsx'

/** One path: its figures above, its text below. `main`: the large one of the focus layout. */
export const Lane = memo(function Lane({
  run,
  path,
  main = false,
}: {
  run: string
  path: number
  main?: boolean
}) {
  const t = useT()
  const active = useUi((s) => s.active[run] === path)
  return (
    <section
      className={`lane ${active ? 'active' : ''} ${main ? 'main' : ''}`}
      data-lane={path}
      data-path={path}
      aria-label={t('lane.name', { path })}
      onClick={() => activate(run, path)}
      onFocus={(event) => {
        if (event.target.matches(':focus-visible')) activate(run, path)
      }}
    >
      <LaneHead run={run} path={path} />
      <StreamText run={run} path={path} version={1} label={t('lane.text', { path })} />
      <LaneFoot run={run} path={path} />
    </section>
  )
})

/** The answer of an ended path; a click shows where it stands. */
const LaneFoot = memo(function LaneFoot({ run, path }: { run: string; path: number }) {
  const t = useT()
  const answer = usePathField(run, path, (state) => state?.answer ?? null)
  const stated = usePathField(run, path, (state) => state !== undefined && isStated(state))
  const error = usePathField(run, path, (state) => state?.error ?? null)
  if (error !== null)
    return (
      <footer className="lane-foot callout bad small" dir="auto">
        {error.message}
      </footer>
    )
  if (answer === null) return null
  return (
    <footer className="lane-foot">
      <button
        type="button"
        className="answer-chip"
        title={t('answer.show')}
        onClick={() => showAnswer(run, path, 1)}
      >
        <span className="dim small">{t(stated ? 'answer.label' : 'answer.lastNumber')}</span>
        <span className="ellipsis">
          <AnswerText text={answer.text} />
        </span>
      </button>
    </footer>
  )
})
