import { strategyTakes } from '../../engine/protocol/shapes.ts'
import type { LabCell } from '../../engine/protocol/wire.ts'
import { t } from '../i18n/index.ts'

/** Returns the name of a row in the current language, without its paths and budget. */
export function rowName({ variant, strategy, vote }: LabCell): string {
  if (variant !== undefined) return variant
  const name = t(`strategy.${strategy}`)
  return vote === null || !strategyTakes(strategy).votes
    ? name
    : t('table.vote', { strategy: name, rule: t(`table.vote.${vote}`) })
}

export const keyOf = ({ unit, vote }: Pick<LabCell, 'unit' | 'vote'>): string => `${unit}|${vote}`
