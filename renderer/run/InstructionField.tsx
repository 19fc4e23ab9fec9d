import { useId } from 'react'
import { instructionFor, refiningFor } from '../../engine/protocol/instruction.ts'
import { MAX_INSTRUCTION_CHARS, QuestionKind } from '../../engine/protocol/request.ts'
import { useT } from '../i18n/index.ts'

/**
 * Edits what a summary is asked to do. The usual instruction depends on the kind of the question; while that is not known,
 * the usual ones are listed.
 */
export function InstructionField({
  value,
  kind,
  problem,
  refining = false,
  onChange,
}: {
  /** It is for paths that refine others, instead of for the summary. */
  refining?: boolean
  /** The user's own instruction; undefined: the usual one. */
  value: string | undefined
  /** null: decided from the paths. */
  kind: QuestionKind | null
  problem: string
  onChange(value: string | undefined): void
}) {
  const t = useT()
  const id = useId()
  const usualFor = refining ? refiningFor : instructionFor
  const usual = kind === null ? '' : usualFor(kind, problem)
  return (
    <div className="field instruction">
      <div className="row">
        <label className="label grow" htmlFor={id}>
          {t(refining ? 'instruction.refine' : 'instruction.label')}
        </label>
        {value !== undefined && (
          <button type="button" className="btn quiet tiny" onClick={() => onChange(undefined)}>
            {t('instruction.reset')}
          </button>
        )}
      </div>
      <textarea
        id={id}
        className="textarea"
        rows={3}
        dir="auto"
        maxLength={MAX_INSTRUCTION_CHARS}
        value={value ?? usual}
        placeholder={t('instruction.auto')}
        aria-describedby={`${id}-hint`}
        onChange={({ target }) =>
          onChange(target.value === '' || target.value === usual ? undefined : target.value)
        }
      />
      <div id={`${id}-hint`} className="hint">
        {value === undefined && kind === null ? (
          <dl className="usual">
            {QuestionKind.options.map((one) => (
              <div key={one}>
                <dt>{t(`question.${one}`)}</dt>
                <dd dir="auto">{usualFor(one, problem)}</dd>
              </div>
            ))}
          </dl>
        ) : (
          t(value === undefined ? 'instruction.usual' : 'instruction.own')
        )}
      </div>
    </div>
  )
}
