import { ChevronRight } from 'lucide-react'
import { memo, useEffect, useMemo, useRef } from 'react'
import type { RunSummary } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'
import { answerKey, loadAnswer, useAnswers } from '../store/answers.ts'
import { byRun, earlierTurns } from '../store/conversations.ts'
import { useHistory } from '../store/history.ts'
import { go } from '../store/route.ts'
import { useShown } from '../store/runs.ts'
import { TextView } from '../ui/TextView.tsx'
import { visible } from '../ui/visible.ts'
import type { Stage } from '../store/ui.ts'

/** Characters of an earlier question or answer that are shown; its run shows all of it. */
const PREVIEW = 3000

/**
 * Shows the questions and answers that this run follows up on. Each opens as a run, unless it came with the request of a
 * client that keeps its own conversations.
 */
export const EarlierTurns = memo(function EarlierTurns({
  run,
  stage,
}: {
  run: string
  stage: Stage
}) {
  const t = useT()
  const list = useHistory((s) => s.list)
  const followUp = useShown(run, (s) => s.followUp?.run)
  const turns = useMemo(() => {
    const byId = byRun(list)
    return earlierTurns(byId.get(run) ?? { run, followUp }, byId)
  }, [list, run, followUp])
  const brought = useShown(run, (s) => s.turns)
  const count = turns.length + brought.length
  const box = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  useEffect(() => stayAtEnd(box.current, content.current), [count, stage])
  if (count === 0) return null
  return (
    // While the paths think, their room is not taken. With the answer, the turns are part of its column.
    <details key={stage} className="thread" open={stage === 'answer'}>
      <summary>
        <ChevronRight size={14} aria-hidden className="chevron" />
        {t('thread.earlier', { count })}
      </summary>
      <div
        ref={box}
        className="thread-turns scroll"
        tabIndex={0}
        role="region"
        aria-label={t('thread.title')}
      >
        <div ref={content}>
          {brought.map(({ problem, answer }, i) => (
            <article key={i} className="turn">
              <div className="turn-question" dir="auto">
                {visible(problem.slice(0, PREVIEW))}
              </div>
              <div className="turn-answer md">
                <TextView text={answer.slice(0, PREVIEW)} />
              </div>
            </article>
          ))}
          {turns.map((turn) => (
            <Turn key={turn.run} turn={turn} />
          ))}
        </div>
      </div>
    </details>
  )
})

/** What a reader does who wants to be elsewhere than at the end. */
const MOVES = ['wheel', 'pointerdown', 'keydown'] as const

/**
 * Keeps the column that the turns are part of, or the box of their own, at its end while they are read and formatted,
 * until the reader moves. Returns a function that ends this.
 */
function stayAtEnd(box: HTMLElement | null, content: HTMLElement | null): () => void {
  const scroller = box?.closest<HTMLElement>('.answer-stage') ?? box
  if (scroller === null || content === null) return () => undefined
  const sizes = new ResizeObserver(() => {
    scroller.scrollTop = 1e9
  })
  const stop = () => {
    sizes.disconnect()
    for (const move of MOVES) scroller.removeEventListener(move, stop)
  }
  sizes.observe(content)
  for (const move of MOVES) scroller.addEventListener(move, stop, { passive: true })
  return stop
}

function Turn({ turn }: { turn: RunSummary }) {
  const t = useT()
  const ref = useRef<HTMLElement>(null)
  const answer = useAnswers((s) => s[answerKey(turn)])
  useEffect(() => {
    const seen = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting === true) void loadAnswer(turn)
    })
    seen.observe(ref.current!)
    return () => seen.disconnect()
  }, [turn])
  const known = answer !== undefined
  const text = known ? answer.text.slice(0, PREVIEW) : ''
  return (
    <article ref={ref} className="turn" data-turn={turn.run}>
      <button
        type="button"
        className="turn-question"
        dir="auto"
        title={t('thread.open')}
        onClick={() => go({ view: 'run', run: turn.run })}
      >
        {visible(turn.problem.slice(0, PREVIEW))}
      </button>
      <div className="turn-answer md">
        {known && answer.segment === null ? (
          <p className="dim">{t('votes.noAnswer')}</p>
        ) : (
          <TextView text={text} />
        )}
        {known && (answer.cut || text.length < answer.text.length) && (
          <button
            type="button"
            className="btn quiet tiny"
            onClick={() => go({ view: 'run', run: turn.run })}
          >
            {t('thread.whole')}
          </button>
        )}
      </div>
    </article>
  )
}
