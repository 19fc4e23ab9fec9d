import type { EndReason } from '../../engine/protocol/events.ts'
import type { SegmentStatus } from '../../engine/protocol/fold.ts'
import type { MessageKey } from '../i18n/index.ts'

/** How each state of a path looks. */
export const STATUS_LOOK: Record<SegmentStatus, 'info' | 'ok' | 'warn' | 'bad' | ''> = {
  waiting: '',
  thinking: 'info',
  done: 'ok',
  truncated: 'warn',
  stopped: 'warn',
  failed: 'bad',
  dropped: '',
  interrupted: 'bad',
}

export const statusKey = (status: SegmentStatus): MessageKey => `status.${status}`
/** More than the state says: why a path is truncated or stopped. */
export const reasonKey = (reason: EndReason): MessageKey => `reason.${reason}`
