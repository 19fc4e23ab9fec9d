import type { LabCell } from '../../engine/protocol/wire.ts'
import { t, type MessageKey } from '../i18n/index.ts'
import { besides, rowName } from './names.ts'

export interface ChartData {
  title: MessageKey
  x: { label: string; values: number[]; log: boolean }
  series: { name: string; points: (LabCell | null)[] }[]
}

/** Returns the chart for which these cells have data; null if there is none. */
export function chartOf(cells: readonly LabCell[]): ChartData | null {
  if (cells.some(({ prefix }) => prefix !== undefined))
    return chart(cells, 'chart.prefix', t('new.prefixes'), (c) => c.prefix ?? 0, besides)
  if (cells.some(({ variant }) => variant !== undefined)) return null
  const wide = cells.filter(({ strategy }) => strategy !== 'sequential')
  const budgets = distinct(cells, (c) => c.budget)
  if (distinct(wide, (c) => c.paths).length > 1)
    return chart(
      [...cells].filter(({ strategy }) => strategy !== 'sequential' || budgets.length === 1),
      'chart.paths',
      t('table.paths'),
      (c) => c.paths,
      (c) =>
        budgets.length === 1
          ? rowName(c)
          : t('chart.series', { strategy: rowName(c), budget: c.budget }),
    )
  if (budgets.length > 1)
    return chart(
      cells,
      'chart.budget',
      t('table.budget'),
      (c) => c.budget,
      (c) =>
        t('chart.widths', { strategy: rowName(c), paths: t('unit.paths', { count: c.paths }) }),
    )
  return null
}

function chart(
  cells: readonly LabCell[],
  title: MessageKey,
  label: string,
  xOf: (cell: LabCell) => number,
  nameOf: (cell: LabCell) => string,
): ChartData | null {
  const values = distinct(cells, xOf)
  if (values.length < 2) return null
  const names = [...new Set(cells.map(nameOf))]
  return {
    title,
    x: { label, values, log: values[0]! > 0 },
    series: names.map((name) => ({
      name,
      points: values.map(
        (x) => cells.find((cell) => nameOf(cell) === name && xOf(cell) === x) ?? null,
      ),
    })),
  }
}

const distinct = (cells: readonly LabCell[], of: (cell: LabCell) => number): number[] =>
  [...new Set(cells.map(of))].sort((a, b) => a - b)
