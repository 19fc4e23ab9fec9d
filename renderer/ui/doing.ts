import type { Doing } from '../../engine/protocol/doing.ts'
import type { t as translate } from '../i18n/index.ts'

/** Returns the name of a model's file without its folders and its ending. */
const shortModel = (model: string): string =>
  model
    .split(/[\\/]/)
    .at(-1)!
    .replace(/\.gguf$/i, '')

/**
 * Returns what a run is doing in a few words, with the percentage while it loads or reads; the share
 * of token budgets says less, so only `always` shows it.
 */
export function doingWords(
  { phase, paths, fraction }: Doing,
  model: string,
  t: typeof translate,
  always = false,
): string {
  const words =
    phase === 'loading'
      ? model === ''
        ? t('run.loading')
        : t('doing.loading', { name: shortModel(model) })
      : phase === 'reading'
        ? t('doing.reading', { count: paths })
        : t(`doing.${phase}`)
  if (fraction === null || !(always || phase === 'loading' || phase === 'reading')) return words
  return t('doing.percent', { words, percent: Math.round(100 * fraction) })
}
