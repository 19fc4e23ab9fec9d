import type { SegmentId } from '../../engine/protocol/segments.ts'
import { useT } from '../i18n/index.ts'
import { share } from '../i18n/format.ts'
import { shortName } from '../i18n/segments.ts'
import { meanShares } from '../inspect/attribution.ts'
import { useReading } from '../store/attribution.ts'

/** Shows in small form which paths the summary attended to, if that is known. */
export function AttributionStrip({ run, segment }: { run: string; segment: SegmentId }) {
  const t = useT()
  const reading = useReading(run, segment)
  if (reading?.state !== 'ready') return null
  const whole = meanShares(reading.result)
  const most = Math.max(...reading.result.paths.map((_, i) => whole[i + 1]!), 1e-9)
  return (
    <ul className="attr-strip small" aria-label={t('attr.title')}>
      {reading.result.paths.map(({ segment: path }, i) => (
        <li key={path} data-segment={path}>
          <span className="pathno">{shortName(path)}</span>
          <span className="bar">
            <span style={{ inlineSize: `${(100 * whole[i + 1]!) / most}%` }} />
          </span>
          <span className="num dim">{share(whole[i + 1]!)}</span>
        </li>
      ))}
    </ul>
  )
}
