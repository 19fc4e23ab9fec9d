import type { SegmentId } from '../../engine/protocol/segments.ts'
import { shortName } from '../i18n/segments.ts'

/** A button with the number of a path or summary in its colour. `label`: its name, if that is not the number. */
export function SegmentButton({
  segment,
  label,
  onClick,
}: {
  segment: SegmentId
  label?: string
  onClick(): void
}) {
  return (
    <button
      type="button"
      className="btn quiet tiny"
      data-segment={segment}
      onClick={onClick}
      aria-label={label}
    >
      <span className="pathno">{shortName(segment)}</span>
    </button>
  )
}
