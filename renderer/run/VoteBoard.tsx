import { Check } from 'lucide-react'
import { memo, useMemo } from 'react'
import { useShallow } from 'zustand/react/shallow'
import { boardOf, type Board, type BoardRow } from '../../engine/protocol/decision.ts'
import { EMPTY_RUN } from '../../engine/protocol/fold.ts'
import { numberOf, type SegmentId } from '../../engine/protocol/segments.ts'
import { ruleOf } from '../../engine/protocol/shapes.ts'
import { useT } from '../i18n/index.ts'
import { command, isOver, useRuns, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { activate, followSummary } from '../store/ui.ts'
import { showAnswer } from '../ui/show-answer.ts'
import { currentTarget, whyNotSteer } from '../commands/target.ts'
import { AnswerText, plainAnswer } from '../ui/AnswerText.tsx'
import { SegmentButton } from '../ui/SegmentButton.tsx'

/** Returns the board. It changes only when a path ends, with a vote and with an answer, not with every token. */
export function useBoard(run: string): Board {
  const over = useRuns(
    useShallow(
      (s) =>
        s.open[run]?.shown.paths.flatMap((path) =>
          path.endedAt === null || path.status === 'dropped' ? [] : [path.segment, path.answer],
        ) ?? [],
    ),
  )
  const votes = useShown(run, (s) => s.votes)
  const answers = useRuns(
    useShallow((s) => s.open[run]?.shown.summaries.map((one) => one.answer) ?? []),
  )
  const question = useShown(run, (s) => s.question)
  return useMemo(
    () => boardOf(useRuns.getState().open[run]?.shown ?? EMPTY_RUN),
    [run, over, votes, answers, question],
  )
}

/** Makes the answer of a path, or of a summary, that of the run, and shows it in the large place. */
export function chooseAnswer(run: string, member: SegmentId): void {
  report(command(run, { type: 'override-vote', member }))
  followSummary(run)
}

/** Shows the answers, which paths or summaries gave them, and which one the run took. */
export default memo(function VoteBoard({ run }: { run: string }) {
  const t = useT()
  const board = useBoard(run)
  const running = useShown(run, (s) => s.status === 'running')
  const over = useShown(run, (s) => isOver(s.status))
  const votes = useShown(run, (s) => s.settings !== null && ruleOf(s.settings.strategy).votes)
  if (board.rows.length === 0)
    return <p className="body dim">{t(over ? 'votes.noneEnded' : 'votes.none')}</p>
  const choosable = board.rows.some((row) => row.answer !== null)
  // Paths without an answer come last: there is nothing to choose in them.
  const rows = [
    ...board.rows.filter((row) => row.answer !== null),
    ...board.rows.filter((row) => row.answer === null),
  ]
  // Without a vote, the order of the answers is final only when all paths have ended.
  const why =
    whyNotSteer(currentTarget({ run })) ?? (running && !board.voted ? 'why.running' : null)
  return (
    <div className="votes">
      {board.tie && <p className="callout warn small">{t('votes.tie')}</p>}
      {board.disagrees && (
        <p className="callout warn small">
          {t('votes.disagree', { answer: plainAnswer(board.summaryAnswer ?? '') })}
        </p>
      )}
      <div role={choosable ? 'radiogroup' : 'list'} aria-label={t('votes.title')}>
        {rows.map((row, i) => (
          <div
            key={i}
            role={choosable ? undefined : 'listitem'}
            className={`vote ${row.answer === null ? 'none' : row.wins ? 'wins' : ''}`}
          >
            <div className="row">
              {choosable && row.answer !== null && (
                <button
                  type="button"
                  role="radio"
                  aria-checked={row.wins}
                  className="vote-pick"
                  disabled={why !== null}
                  title={t(why ?? 'votes.choose')}
                  aria-label={t('votes.chooseAnswer', { answer: plainAnswer(row.answer) })}
                  onClick={() => chooseAnswer(run, row.members[0]!)}
                >
                  {row.wins && <Check size={12} />}
                </button>
              )}
              <span className={row.answer === null ? 'vote-answer dim' : 'vote-answer'}>
                {row.answer === null ? t('votes.noAnswer') : <AnswerText text={row.answer} />}
              </span>
              <Members run={run} row={row} over={board.over} />
              <span className="num small dim vote-count">{votesText(row.votes)}</span>
            </div>
            <div className="vote-bar">
              <span style={{ inlineSize: `${(100 * row.votes) / board.total}%` }} />
            </div>
          </div>
        ))}
      </div>
      {board.weight !== null && (
        <p className="small dim">{t('votes.weighted', { weight: t(`weight.${board.weight}`) })}</p>
      )}
      {board.byHand && <p className="small dim">{t('votes.byHand')}</p>}
      {!board.voted && (
        <p className="small dim">{t(running && votes ? 'votes.pending' : 'votes.notVoted')}</p>
      )}
    </div>
  )
})

/** Weighted votes have a fraction. */
const votesText = (votes: number): string =>
  Number.isInteger(votes) ? String(votes) : votes.toFixed(2)

function Members({ run, row, over }: { run: string; row: BoardRow; over: Board['over'] }) {
  const t = useT()
  const show = (member: SegmentId) => {
    activate(run, member)
    requestAnimationFrame(() => showAnswer(run, member))
  }
  return (
    <div className="row wrap members">
      {row.members.map((member) => (
        <SegmentButton
          key={member}
          segment={member}
          label={t(over === 'paths' ? 'votes.showPath' : 'votes.showSummary', {
            n: numberOf(member),
          })}
          onClick={() => show(member)}
        />
      ))}
    </div>
  )
}
