import { ruleOf } from '../../engine/protocol/shapes.ts'
import type { LabCell } from '../../engine/protocol/wire.ts'
import { ownEntry } from '../../engine/protocol/own.ts'
import { t, type MessageKey } from '../i18n/index.ts'

/** The variants that ablations and path banks have. */
const VARIANTS: Readonly<Record<string, MessageKey>> = {
  'as trained': 'variant.trained',
  'thought table off': 'variant.noTable',
  'same control token': 'variant.sameToken',
  'table off, same token': 'variant.noTableSame',
  'finish first': 'variant.first',
  'finish half': 'variant.half',
  'finish last': 'variant.last',
  'fusion by re-reading': 'variant.reread',
  'merge by re-reading': 'variant.reread',
  'merge from the cache': 'variant.cache',
  'one path': 'variant.one',
  vote: 'variant.vote',
  'weight confidence': 'variant.weightConfidence',
  'weight tail': 'variant.weightTail',
  'weight length': 'variant.weightLength',
  'decided 0.95, waves of 4': 'variant.decided',
  'first half': 'variant.firstHalf',
}

/** Returns whether a path began alone or beside free ones. */
export const besides = ({ paths }: Pick<LabCell, 'paths'>): string =>
  paths === 1 ? t('chart.alone') : t('chart.beside', { count: paths - 1 })

/** Returns the name of a row in the current language, without its paths and budget. */
export function rowName(cell: LabCell): string {
  const { variant, strategy, vote, prefix } = cell
  if (prefix !== undefined) return t('variant.prefix', { prefix, where: besides(cell) })
  if (variant !== undefined) {
    const known = ownEntry(VARIANTS, variant)
    return known === undefined ? variant : t(known)
  }
  const name = t(`strategy.${strategy}`)
  return vote === null || !ruleOf(strategy).votes
    ? name
    : t('table.vote', { strategy: name, rule: t(`table.vote.${vote}`) })
}

export const keyOf = ({ unit, vote }: Pick<LabCell, 'unit' | 'vote'>): string => `${unit}|${vote}`
