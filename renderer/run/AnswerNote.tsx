import { memo } from 'react'
import { equalAnswers } from '../../engine/protocol/answers/equality.ts'
import { useT } from '../i18n/index.ts'
import { currentTarget, whyNotSteer } from '../commands/target.ts'
import { command, isOver, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { plainAnswer } from '../ui/AnswerText.tsx'
import { useBoard } from './VoteBoard.tsx'

/** Says beside the answer how many paths agree with it, and offers what most of them say. */
export default memo(function AnswerNote({ run, answer }: { run: string; answer: string }) {
  const t = useT()
  const board = useBoard(run)
  const over = useShown(run, (s) => isOver(s.status))
  if (board.over !== 'paths' || board.total < 2 || board.rows.length === 0) return null
  const mine = board.rows.find((row) => row.answer !== null && equalAnswers(row.answer, answer))
  const most = board.rows.find((row) => row.answer !== null)
  const same = mine?.members.length ?? 0
  const more = most !== undefined && most !== mine && most.members.length > same
  const why = whyNotSteer(currentTarget({ run })) ?? (over ? null : 'why.running')
  return (
    <p className={`answer-note small ${more ? 'warn' : ''}`} data-agree={`${same}/${board.total}`}>
      <span className={`pill ${more ? 'warn' : 2 * same > board.total ? 'ok' : ''}`}>
        {t('note.agree', { count: same, total: board.total })}
      </span>
      {more && (
        <>
          <span>{t('note.most', { answer: plainAnswer(most.answer!).slice(0, 60) })}</span>
          <button
            type="button"
            className="btn tiny"
            disabled={why !== null}
            title={why === null ? undefined : t(why)}
            onClick={() =>
              report(command(run, { type: 'override-vote', member: most.members[0]! }))
            }
          >
            {t('note.use', { answer: plainAnswer(most.answer!).slice(0, 24) })}
          </button>
        </>
      )}
    </p>
  )
})
