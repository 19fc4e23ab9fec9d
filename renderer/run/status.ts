import type { PathEndReason } from '../../engine/protocol/events.ts'
import type { PathStatus } from '../../engine/protocol/fold.ts'
import type { MessageKey } from '../i18n/index.ts'

/** How each state of a path looks. */
export const STATUS_LOOK: Record<PathStatus, 'info' | 'ok' | 'warn' | 'bad' | ''> = {
  waiting: '',
  thinking: 'info',
  done: 'ok',
  truncated: 'warn',
  stopped: 'warn',
  failed: 'bad',
  dropped: '',
  interrupted: 'bad',
}

export const statusKey = (status: PathStatus): MessageKey => `status.${status}`
/** More than the state says: why a path is truncated or stopped. */
export const reasonKey = (reason: PathEndReason): MessageKey => `reason.${reason}`
