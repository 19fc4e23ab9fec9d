import type { RunSettings, Strategy, ValueRule } from '../protocol/request.ts'
import type { Sample } from './measure.ts'
import { effectiveSize, groupBy, mean, median, wilson } from './stats.ts'
import type { Unit } from './unit.ts'

/**
 * One row of results.json. Shares are 0..1, times are in milliseconds and memory is in bytes; token
 * counts are means per run.
 */
export interface Cell {
  strategy: Strategy
  paths: number
  budget: number
  /** The vote rule; null if the strategy does not vote. */
  vote: ValueRule | null
  n: number
  correct: number
  accuracy: number
  /** Wilson interval at 95 %. Several samples of one problem count as fewer (`effectiveSize`). */
  low: number
  high: number
  /** Name of the row in an ablation or tunnel table. */
  variant?: string
  /** Number of tokens of a wrong path that path 1 started with. */
  prefix?: number
  runs: number
  finish: RunSettings['finish']
  problems: number
  /** Number of failed runs; they count as wrong. */
  failed: number
  /** Share of runs in which at least one path (or one voter) had a right answer of its own. */
  anyPath: number
  pathTokens: number
  summaryTokens: number
  /** Tokens per run: prompt, paths and summary. */
  tokens: number
  medianMs: number
  meanMs: number
  peakKvBytes: number
}

/** Returns the cells of the units, in order; a unit without samples has none. */
export function cellsOf(units: readonly Unit[], samples: readonly Sample[]): Cell[] {
  const byUnit = groupBy(samples, ({ unit }) => unit)
  return units.flatMap((unit) => {
    const mine = byUnit.get(unit.key) ?? []
    if (mine.length === 0) return []
    return (unit.votes.length > 0 ? unit.votes : [null]).map((vote) => cell(unit, vote, mine))
  })
}

function cell(
  { settings, variant, prefix }: Unit,
  vote: ValueRule | null,
  samples: readonly Sample[],
): Cell {
  const right = (sample: Sample) =>
    sample.outcomes.some((outcome) => outcome.vote === vote && outcome.correct)
  const clusters = [...groupBy(samples, ({ problem }) => problem).values()].map((list) => ({
    correct: list.filter(right).length,
    n: list.length,
  }))
  const n = samples.length
  const correct = clusters.reduce((sum, cluster) => sum + cluster.correct, 0)
  const accuracy = correct / n
  const times = samples.filter(({ error }) => error === undefined).map(({ ms }) => ms)
  const average = (of: (sample: Sample) => number) => round(mean(samples.map(of)), 1)
  const { low, high } = wilson(accuracy, effectiveSize(clusters))
  return {
    strategy: settings.strategy,
    paths: settings.paths,
    budget: settings.budget,
    vote,
    n,
    correct,
    accuracy: round(accuracy, 6),
    low: round(low, 6),
    high: round(high, 6),
    ...(variant === undefined ? {} : { variant }),
    ...(prefix === undefined ? {} : { prefix }),
    runs: settings.runs,
    finish: settings.finish,
    problems: clusters.length,
    failed: samples.filter(({ error }) => error !== undefined).length,
    anyPath: round(samples.filter(({ anyPath }) => anyPath).length / n, 6),
    pathTokens: average((s) => s.pathTokens),
    summaryTokens: average((s) => s.summaryTokens),
    tokens: average((s) => s.promptTokens + s.pathTokens + s.summaryTokens),
    medianMs: round(median(times), 1),
    meanMs: round(mean(times), 1),
    peakKvBytes: samples.reduce((most, { kvBytes }) => Math.max(most, kvBytes), 0),
  }
}

const round = (value: number, digits: number) => Number(value.toFixed(digits))

/** Returns the cells as CSV (RFC 4180) with a header line. */
export function cellsCsv(cells: readonly Cell[]): string {
  const columns = [...new Set(cells.flatMap((c) => Object.keys(c)))] as (keyof Cell)[]
  const field = (value: unknown) => {
    const text = value === null || value === undefined ? '' : String(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return (
    [columns, ...cells.map((c) => columns.map((column) => c[column]))]
      .map((row) => row.map(field).join(','))
      .join('\r\n') + '\r\n'
  )
}
