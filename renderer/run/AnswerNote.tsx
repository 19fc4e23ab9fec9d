import { memo } from 'react'
import { equalAnswers } from '../../engine/protocol/answers/equality.ts'
import { useT } from '../i18n/index.ts'
import { currentTarget, whyNotSteer } from '../commands/target.ts'
import { isOver, useShown } from '../store/runs.ts'
import { plainAnswer } from '../ui/AnswerText.tsx'
import { chooseAnswer, useBoard } from './VoteBoard.tsx'

/** Says beside the answer how many paths agree with it, and offers what most of them say. */
export default memo(function AnswerNote({ run, answer }: { run: string; answer: string }) {
  const t = useT()
  const board = useBoard(run)
  const over = useShown(run, (s) => isOver(s.status))
  const stated = board.rows.filter((row) => row.answer !== null)
  const total = board.rows.reduce((sum, { members }) => sum + members.length, 0)
  // Who chose an answer, or has nothing to compare it with, is told nothing.
  if (board.byHand || board.over !== 'paths' || total < 2 || stated.length === 0) return null
  const mine = stated.find((row) => equalAnswers(row.answer!, answer))
  const same = mine?.members.length ?? 0
  const most = board.majority === mine ? null : board.majority
  const why = whyNotSteer(currentTarget({ run })) ?? (over ? null : 'why.running')
  return (
    <p className={`answer-note small ${most ? 'warn' : ''}`} data-agree={`${same}/${total}`}>
      <span className={`pill ${most ? 'warn' : 2 * same > total ? 'ok' : ''}`}>
        {t('note.agree', { count: same, total })}
      </span>
      {most !== null && (
        <>
          <span>{t('note.most', { answer: plainAnswer(most.answer!).slice(0, 60) })}</span>
          <button
            type="button"
            className="btn tiny"
            disabled={why !== null}
            title={why === null ? undefined : t(why)}
            onClick={() => chooseAnswer(run, most.members[0]!)}
          >
            {t('note.use', { answer: plainAnswer(most.answer!).slice(0, 24) })}
          </button>
        </>
      )}
    </p>
  )
})
