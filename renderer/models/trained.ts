import { FORK_FORMS } from '../../engine/protocol/forks.ts'
import type { ModelInfo } from '../../engine/protocol/wire.ts'
import type { useT } from '../i18n/index.ts'

/** Returns how a model was trained to think along several paths; null if it was not. */
export function trainedFor(
  { nativePaths, forks }: Pick<ModelInfo, 'nativePaths' | 'forks'>,
  t: ReturnType<typeof useT>,
): string | null {
  if (nativePaths > 0) return t('model.native', { count: nativePaths })
  return forks === undefined ? null : t('model.forks', { form: FORK_FORMS[forks].name })
}
