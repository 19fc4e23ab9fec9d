import { useState } from 'react'
import { isOpen } from '../../engine/protocol/fold.ts'
import { instructionFor } from '../../engine/protocol/instruction.ts'
import { questionOf } from '../../engine/protocol/question.ts'
import type { Fusion } from '../../engine/protocol/request.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { useT } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { segmentName } from '../i18n/segments.ts'
import { command, useShown } from '../store/runs.ts'
import { report } from '../store/toasts.ts'
import { closeDialog, followSummary } from '../store/ui.ts'
import { AnswerText } from '../ui/AnswerText.tsx'
import { grownPaths } from '../ui/control-tokens.ts'
import { Dialog } from '../ui/Dialog.tsx'
import { InstructionField } from './InstructionField.tsx'
import { QuestionKind } from './QuestionKind.tsx'
import { STATUS_LOOK, statusKey } from './status.ts'
import { useShownSummary } from './SummaryCard.tsx'

/** Summarises selected paths again. Earlier summaries stay. */
export function SubsetDialog({ run }: { run: string }) {
  const t = useT()
  const paths = grownPaths(useShown(run, (s) => s.paths))
  const summary = useShownSummary(run)
  const before = useShown(run, (s) => s.summaries.find((one) => one.segment === summary))
  // The paths of the summary that is shown, and those that were branched since.
  const [chosen, setChosen] = useState<ReadonlySet<SegmentId>>(
    () =>
      new Set(
        paths
          .filter(
            ({ segment, startedAt }) =>
              before === undefined ||
              before.reads.includes(segment) ||
              startedAt > before.startedAt,
          )
          .map(({ segment }) => segment),
      ),
  )
  const [fusion, setFusion] = useState<Fusion | 'auto'>('auto')
  const kind = useShown(run, questionOf)
  const problem = useShown(run, (s) => s.problem)
  const asks = useShown(run, (s) => (s.model?.nativePaths ?? 0) === 0)
  const own = useShown(run, (s) => s.settings?.instruction)
  const [instruction, setInstruction] = useState(own)
  // The engine takes the run's own instruction unless it is given another one.
  const asked =
    instruction ?? (own === undefined ? undefined : instructionFor(kind ?? 'text', problem))
  const list = paths.map((path) => path.segment).filter((path) => chosen.has(path))
  const live = paths.some(isOpen)
  const toggle = (path: SegmentId) =>
    setChosen((old) => {
      const next = new Set(old)
      if (!next.delete(path)) next.add(path)
      return next
    })
  const start = () => {
    report(
      command(run, {
        type: 'summarise',
        segments: list,
        ...(fusion !== 'auto' && { fusion }),
        ...(asks && asked !== undefined && { instruction: asked }),
      }),
    )
    followSummary(run) // shows the new summary as it is written
    closeDialog()
  }
  return (
    <Dialog
      title={t('subset.title')}
      onClose={closeDialog}
      footer={
        <>
          <button type="button" className="btn" onClick={closeDialog}>
            {t('action.cancel')}
          </button>
          <button
            type="button"
            className="btn primary"
            disabled={list.length === 0}
            onClick={start}
          >
            {t('subset.start', { count: list.length })}
          </button>
        </>
      }
    >
      <fieldset className="plain-fieldset col">
        <legend>{t('subset.which')}</legend>
        {paths.map((path) => (
          <label key={path.segment} className="check subset-row" data-segment={path.segment}>
            <input
              type="checkbox"
              checked={chosen.has(path.segment)}
              onChange={() => toggle(path.segment)}
            />
            <span className="pathno">{segmentName(path.segment)}</span>
            <span>
              <span className={`pill ${STATUS_LOOK[path.status]}`}>
                {t(statusKey(path.status))}
              </span>
            </span>
            <span className="dim small num">
              {t('unit.tokens', { count: path.tokens.length, shown: integer(path.tokens.length) })}
            </span>
            <span className="small ellipsis">
              {kind === 'value' && path.answer !== null && <AnswerText text={path.answer.text} />}
            </span>
          </label>
        ))}
      </fieldset>
      <div className="field">
        <span className="label">{t('question.label')}</span>
        <QuestionKind run={run} />
      </div>
      {asks && (
        <InstructionField
          value={instruction}
          kind={kind}
          problem={problem}
          onChange={setInstruction}
        />
      )}
      <label className="field">
        <span className="label">{t('subset.fusion')}</span>
        <select
          className="select"
          value={fusion}
          onChange={(event) => setFusion(event.target.value as Fusion | 'auto')}
        >
          <option value="auto">{t('fusion.auto')}</option>
          <option value="cache">{t('fusion.cache')}</option>
          <option value="reread">{t('fusion.reread')}</option>
        </select>
      </label>
      {live && <p className="callout warn small">{t('subset.ends')}</p>}
    </Dialog>
  )
}
