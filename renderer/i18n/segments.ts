import { numberOf, roleOf, type SegmentId } from '../../engine/protocol/segments.ts'
import { t } from './index.ts'

/** Returns the short name of a path or summary, for chips and tabs: 3, v1. */
export const shortName = (segment: SegmentId): string =>
  roleOf(segment) === 'summary' ? `v${numberOf(segment)}` : String(numberOf(segment))

/** Returns the name of a path, a summary or a judge in the current language. */
export function segmentName(segment: SegmentId): string {
  const role = roleOf(segment)
  const number = numberOf(segment)
  if (role === 'summary') return t('summary.version', { version: number })
  return role === 'judge' ? t('judge.name', { number }) : t('lane.name', { path: number })
}

/** Returns the name of its text. */
export const textName = (segment: SegmentId): string =>
  roleOf(segment) === 'summary'
    ? t('summary.text', { version: numberOf(segment) })
    : t('lane.text', { path: numberOf(segment) })
