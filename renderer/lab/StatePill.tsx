import type { Experiment } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'

const LOOKS: Record<Experiment['state'], string> = {
  waiting: '',
  running: 'info',
  paused: 'warn',
  done: 'ok',
  failed: 'bad',
  cancelled: '',
}

export function StatePill({ state }: { state: Experiment['state'] }) {
  const t = useT()
  return <span className={`pill ${LOOKS[state]}`}>{t(`exp.state.${state}`)}</span>
}
