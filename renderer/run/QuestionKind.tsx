import { questionOf } from '../../engine/protocol/question.ts'
import { QuestionKind as Kind } from '../../engine/protocol/request.ts'
import { currentTarget, whyNotSteer } from '../commands/target.ts'
import { useT } from '../i18n/index.ts'
import { command, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'

/** Chooses what kind of answer the question of a run has. */
export function QuestionKind({ run }: { run: string }) {
  const t = useT()
  const kind = useShown(run, questionOf)
  useShown(run, (s) => s.status) // a run that is loading cannot be steered yet
  const why = whyNotSteer(currentTarget({ run }))
  return (
    <select
      className="select question-kind"
      aria-label={t('question.label')}
      title={t(why ?? 'question.help')}
      disabled={why !== null}
      value={kind ?? ''}
      onChange={(event) =>
        report(command(run, { type: 'question', kind: event.target.value as Kind }))
      }
    >
      {kind === null && <option value="">{t('question.auto')}</option>}
      {Kind.options.map((one) => (
        <option key={one} value={one}>
          {t(`question.${one}`)}
        </option>
      ))}
    </select>
  )
}
