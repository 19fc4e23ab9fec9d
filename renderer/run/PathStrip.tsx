import { memo } from 'react'
import { showsValues } from '../../engine/protocol/question.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { useT } from '../i18n/index.ts'
import { segmentName, shortName } from '../i18n/segments.ts'
import { useSegmentField, useShown } from '../store/runs.ts'
import { activate } from '../store/ui.ts'
import { plainAnswer } from '../ui/AnswerText.tsx'
import { CommandButton } from '../commands/CommandButton.tsx'
import { DroppedPaths, useDropped } from './DroppedPaths.tsx'
import { usePaths } from './Lanes.tsx'
import { setStage } from './stage.ts'
import { STATUS_LOOK, statusKey } from './status.ts'

/** The paths in one row, each with its state and answer. A click opens them, with that path active. */
export const PathStrip = memo(function PathStrip({ run }: { run: string }) {
  const t = useT()
  const all = usePaths(run)
  const dropped = useDropped(run)
  const paths = all.filter((path) => !dropped.includes(path))
  return (
    <div className="path-strip" role="group" aria-label={t('lanes.tabs')}>
      {paths.map((path) => (
        <Chip key={path} run={run} segment={path} bare={paths.length > 8} />
      ))}
      <DroppedPaths run={run} />
      <span className="grow" />
      <CommandButton id="view.answer" label="lanes.show" look="quiet tiny" />
    </div>
  )
})

function Chip({ run, segment, bare }: { run: string; segment: SegmentId; bare: boolean }) {
  const t = useT()
  const values = useShown(run, showsValues)
  const status = useSegmentField(run, segment, (state) => state?.status)
  const answer = useSegmentField(run, segment, (state) => state?.answer?.text ?? null)
  if (status === undefined) return null
  const said = values && answer !== null ? plainAnswer(answer).slice(0, 24) : t(statusKey(status))
  return (
    <button
      type="button"
      className={`chip ${bare ? 'bare' : ''}`}
      data-segment={segment}
      data-status={status}
      title={`${segmentName(segment)}: ${said}`}
      onClick={() => {
        activate(run, segment)
        setStage(run, 'paths')
      }}
    >
      <span className="sr">{segmentName(segment)}: </span>
      <span className="pathno" aria-hidden>
        {shortName(segment)}
      </span>
      <span className={bare ? 'sr' : `chip-said ellipsis ${STATUS_LOOK[status]}`}>{said}</span>
    </button>
  )
}
