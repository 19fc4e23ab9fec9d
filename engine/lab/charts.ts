import { ruleOf } from '../protocol/shapes.ts'
import type { Strategy } from '../protocol/request.ts'
import { dotChart, lineChart, number, type Point, type Series } from './plot.ts'
import type { Cell } from './cells.ts'
import { groupBy } from './stats.ts'

export interface Figure {
  caption: string
  svg: string
}

const percent = (share: number) => `${Number((share * 100).toFixed(1))} %`
const milliseconds = (ms: number) =>
  ms >= 1000 ? `${Number((ms / 1000).toPrecision(3))} s` : `${Number(ms.toPrecision(3))} ms`
const mebibytes = (n: number) => `${Number(n.toPrecision(3))} MiB`

/** Returns a name such as "majority (text)" or "3 x parallel (equality)". */
export const strategyName = ({ strategy, vote, runs }: Cell): string =>
  `${ruleOf(strategy).runs ? `${runs} x parallel` : strategy}${vote === null ? '' : ` (${vote})`}`

const about = (c: Cell) =>
  `${c.variant ?? strategyName(c)}, P = ${c.paths}, budget ${c.budget}: ${percent(c.accuracy)} (${percent(c.low)} to ${percent(c.high)}), n = ${c.n}, ${number(Math.round(c.tokens))} tokens, ${milliseconds(c.medianMs)}`
const accuracyAt = (x: number, c: Cell): Point => ({
  x,
  y: c.accuracy,
  low: c.low,
  high: c.high,
  title: about(c),
})
const SHARE = { format: percent, most: 1 }
const LOOKS: Record<Strategy, number> = {
  parallel: 0,
  sequential: 1,
  majority: 2,
  'parallel-majority': 4,
  refine: 6,
  merge: 5,
  'fork-join': 8,
  tournament: 9,
}
const SOME_PATH = 7
const look = ({ strategy, vote }: Cell) => LOOKS[strategy] + (vote === 'text' ? 1 : 0)
const values = (cells: readonly Cell[], of: (cell: Cell) => number) =>
  [...new Set(cells.map(of))].sort((a, b) => a - b)

/** Returns the figures for which these cells have data. */
export function evalFigures(cells: readonly Cell[]): Figure[] {
  return [
    overBudget(cells),
    ...values(cells, (c) => c.budget).map((budget) => overPaths(cells, budget)),
    overTokens(cells),
    overWidth(cells, 'latency per run (median)', milliseconds, (c) => c.medianMs),
    overWidth(cells, 'KV cache in use (peak)', mebibytes, (c) => c.peakKvBytes / 2 ** 20),
  ].filter((figure): figure is Figure => figure !== null && figure.svg !== '')
}

function overBudget(cells: readonly Cell[]): Figure | null {
  const parallel = cells.filter((c) => c.strategy === 'parallel')
  const budgets = values(parallel, (c) => c.budget)
  if (budgets.length < 2) return null
  const series: Series[] = values(parallel, (c) => c.paths).map((paths) => ({
    name: `P = ${paths}`,
    lines: [
      parallel
        .filter((c) => c.paths === paths)
        .map((c) => accuracyAt(c.budget, c))
        .sort(byX),
    ],
  }))
  return {
    caption: 'Accuracy over the budget per path, by number of paths (parallel)',
    svg: lineChart({
      title: 'Accuracy over budget by P',
      x: { label: 'budget (tokens per path)', scale: 'log', ticks: budgets },
      y: SHARE,
      series,
      ordered: true,
    }),
  }
}

function overPaths(cells: readonly Cell[], budget: number): Figure | null {
  const wide = cells.filter((c) => c.strategy !== 'sequential' && c.budget === budget)
  const widths = values(wide, (c) => c.paths)
  if (widths.length < 2) return null
  const series: Series[] = [...groupBy(wide, strategyName)].map(([name, list]) => ({
    name,
    look: look(list[0]!),
    lines: [list.map((c) => accuracyAt(c.paths, c)).sort(byX)],
  }))
  const one = cells.filter(
    (c) => c.strategy === 'sequential' && widths.some((paths) => paths * budget === c.budget),
  )
  if (one.length > 0)
    series.push({
      name: 'one path, P\u00d7budget',
      look: LOOKS.sequential,
      lines: [one.map((c) => accuracyAt(c.budget / budget, c)).sort(byX)],
    })
  const some = wide
    .filter((c) => c.strategy === 'parallel')
    .map((c) => ({
      x: c.paths,
      y: c.anyPath,
      title: `some path right, P = ${c.paths}: ${percent(c.anyPath)}`,
    }))
    .sort(byX)
  if (some.length > 0)
    series.push({ name: 'some path right', look: SOME_PATH, lines: [some], dashed: true })
  return {
    caption: `Accuracy over the number of paths, by strategy (budget ${budget})`,
    svg: lineChart({
      title: `Accuracy over P, budget ${budget}`,
      x: { label: 'paths (P)', scale: 'log', ticks: widths },
      y: SHARE,
      series,
    }),
  }
}

function overTokens(cells: readonly Cell[]): Figure | null {
  if (cells.length < 2) return null
  const series: Series[] = [...groupBy(cells, strategyName)].map(([name, list]) => {
    const lines =
      list[0]!.strategy === 'sequential' ? [list] : [...groupBy(list, (c) => c.budget).values()]
    return {
      name,
      look: look(list[0]!),
      lines: lines.map((line) => line.map((c) => accuracyAt(Math.max(1, c.tokens), c)).sort(byX)),
    }
  })
  return {
    caption:
      'Accuracy over all tokens per run: prompt, paths and summaries. A line connects cells with the same budget',
    svg: lineChart({
      title: 'Accuracy over total tokens',
      x: { label: 'tokens per run (mean)', scale: 'log' },
      y: SHARE,
      series,
    }),
  }
}

function overWidth(
  cells: readonly Cell[],
  label: string,
  format: (value: number) => string,
  of: (cell: Cell) => number,
): Figure | null {
  const wide = cells
    .filter((c) => c.strategy === 'parallel' || c.vote === null || c.vote === 'equality')
    .filter((c) => c.strategy !== 'sequential')
  const widths = values(wide, (c) => c.paths)
  if (widths.length < 2 || !wide.some((c) => of(c) > 0)) return null
  const name = (c: Cell) => `${strategyName({ ...c, vote: null })}, ${c.budget}`
  const groups = [...groupBy(wide, name)]
  const shown =
    groups.length > 8
      ? groups.filter(([, list]) => list[0]!.strategy === 'parallel').slice(0, 8)
      : groups
  const series: Series[] = shown.map(([key, list]) => ({
    name: key,
    lines: [
      list
        .map((c) => ({ x: c.paths, y: of(c), title: `${key}, P = ${c.paths}: ${format(of(c))}` }))
        .sort(byX),
    ],
  }))
  return {
    caption: `${label[0]!.toUpperCase()}${label.slice(1)} over the number of paths, by strategy and budget`,
    svg: lineChart({
      title: `${label} over P`,
      x: { label: 'paths (P)', scale: 'log', ticks: widths },
      y: { format },
      series,
    }),
  }
}

export function tunnelFigures(cells: readonly Cell[]): Figure[] {
  const series: Series[] = [
    ...groupBy(cells, (c) => (c.paths === 1 ? 'alone' : `with ${c.paths - 1} free paths`)),
  ].map(([name, list]) => ({
    name,
    lines: [list.map((c) => accuracyAt(c.prefix ?? 0, c)).sort(byX)],
  }))
  return [
    {
      caption: 'Accuracy over the number of tokens that path 1 was given from a wrong path',
      svg: lineChart({
        title: 'Accuracy over prefix length',
        x: {
          label: 'tokens of a wrong path',
          scale: 'linear',
          ticks: values(cells, (c) => c.prefix ?? 0),
        },
        y: SHARE,
        series,
      }),
    },
  ]
}

export function ablationFigures(cells: readonly Cell[]): Figure[] {
  const rows = cells.map((c) => ({
    name: c.variant ?? strategyName(c),
    group: `P = ${c.paths}, budget ${c.budget}`,
    value: c.accuracy,
    low: c.low,
    high: c.high,
    title: about(c),
  }))
  return [
    {
      caption: 'Accuracy of each variant, with 95 % intervals',
      svg: dotChart({
        title: 'Accuracy by variant',
        label: 'accuracy',
        format: percent,
        most: 1,
        rows,
      }),
    },
  ]
}

const byX = (a: Point, b: Point) => a.x - b.x
