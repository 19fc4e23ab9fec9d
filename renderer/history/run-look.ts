import type { RunStatus } from '../../engine/protocol/wire.ts'

/** The look of a run's state in lists. */
export const RUN_LOOK: Record<RunStatus, 'info' | 'warn' | 'bad' | ''> = {
  queued: 'info',
  running: 'info',
  ended: '',
  failed: 'bad',
  interrupted: 'warn',
  damaged: 'bad',
}
