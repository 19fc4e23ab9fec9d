import type { EndReason } from '../../engine/protocol/events.ts'
import type { SegmentStatus } from '../../engine/protocol/fold.ts'
import type { MessageKey } from '../i18n/index.ts'

/** The look of each status of a path. */
export const STATUS_LOOK: Record<SegmentStatus, 'info' | 'ok' | 'warn' | 'bad' | ''> = {
  waiting: '',
  thinking: 'info',
  done: 'ok',
  truncated: 'warn',
  stopped: 'warn',
  failed: 'bad',
  dropped: '',
  interrupted: 'warn',
}

export const statusKey = (status: SegmentStatus): MessageKey => `status.${status}`
/** Returns the message that explains a status: why a path was truncated or stopped. */
export const reasonKey = (reason: EndReason): MessageKey => `reason.${reason}`
