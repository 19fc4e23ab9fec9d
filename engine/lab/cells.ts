import type { LabCell, LabGain } from '../protocol/lab.ts'
import type { ValueRule } from '../protocol/request.ts'
import { sampleKey, type Sample } from './measure.ts'
import {
  effectiveSize,
  groupBy,
  mean,
  median,
  pairedCounts,
  pairedDifference,
  wilson,
} from './stats.ts'
import type { Unit } from './unit.ts'

export type Cell = LabCell

/** The cells of an experiment, in the order of its units. A unit without samples has none. */
export class CellTable {
  readonly #units: readonly Unit[]
  readonly #samples: Map<string, Sample[]>
  readonly #cells = new Map<string, Cell[]>()

  constructor(units: readonly Unit[], samples: readonly Sample[]) {
    this.#units = units
    this.#samples = groupBy(samples, ({ unit }) => unit)
    for (const unit of units) this.#count(unit)
  }

  /** Adds a sample. Only its unit, and those compared with that one, are counted again. */
  add(sample: Sample): void {
    const mine = this.#samples.get(sample.unit)
    if (mine === undefined) this.#samples.set(sample.unit, [sample])
    else mine.push(sample)
    for (const unit of this.#units)
      if (unit.key === sample.unit || baseline(unit, this.#units)?.key === sample.unit)
        this.#count(unit)
  }

  get cells(): Cell[] {
    return this.#units.flatMap(({ key }) => this.#cells.get(key) ?? [])
  }

  #count(unit: Unit): void {
    const mine = this.#samples.get(unit.key) ?? []
    if (mine.length === 0) return
    const base = baseline(unit, this.#units)
    const others = (base === undefined ? undefined : this.#samples.get(base.key)) ?? []
    this.#cells.set(
      unit.key,
      (unit.votes.length > 0 ? unit.votes : [null]).map((vote) => {
        const gain = base === undefined ? null : gainOf(vote, mine, base, others)
        return { ...cell(unit, vote, mine), ...(gain !== null && { gain }) }
      }),
    )
  }
}

export const cellsOf = (units: readonly Unit[], samples: readonly Sample[]): Cell[] =>
  new CellTable(units, samples).cells

/**
 * Returns the unit that a reader compares this one with: the first of an ablation with the same
 * paths and budget; else one path with the same budget, `sequential` if there is one.
 */
function baseline(unit: Unit, units: readonly Unit[]): Unit | undefined {
  const { settings, variant, prefix } = unit
  if (prefix !== undefined) return undefined
  const alike = units.filter((other) => other.settings.budget === settings.budget)
  const found =
    variant === undefined
      ? (alike.find((other) => other.settings.strategy === 'sequential') ??
        alike.find((other) => other.settings.strategy === 'parallel' && other.settings.paths === 1))
      : alike.find((other) => other.settings.paths === settings.paths)
  return found === unit ? undefined : found
}

const rightUnder =
  (vote: ValueRule | null) =>
  ({ outcomes }: Sample): boolean =>
    outcomes.some((outcome) => outcome.vote === vote && outcome.correct)

/**
 * Compares samples with those of another unit for the same problems and seeds. Samples of one
 * problem count as one case, which is on the safe side. Returns null without common ones.
 */
function gainOf(
  vote: ValueRule | null,
  mine: readonly Sample[],
  base: Unit,
  others: readonly Sample[],
): LabGain | null {
  const caseOf = ({ problem, sample }: Sample) => sampleKey('', problem, sample)
  const byCase = new Map(others.map((sample) => [caseOf(sample), sample]))
  const pairs = mine.flatMap((sample) => {
    const other = byCase.get(caseOf(sample))
    return other === undefined ? [] : [[sample, other] as const]
  })
  if (pairs.length === 0) return null
  const counts = pairedCounts(
    pairs.map(([sample]) => rightUnder(vote)(sample)),
    pairs.map(([, other]) => rightUnder(base.votes[0] ?? null)(other)),
  )
  const perCase = new Set(pairs.map(([{ problem }]) => problem)).size / pairs.length
  const { difference, low, high } = pairedDifference({
    both: counts.both * perCase,
    first: counts.first * perCase,
    second: counts.second * perCase,
    neither: counts.neither * perCase,
  })
  return {
    against: base.key,
    difference: round(difference, 6),
    low: round(low, 6),
    high: round(high, 6),
    n: pairs.length,
    right: counts.both + counts.first,
    rightAgainst: counts.both + counts.second,
  }
}

function cell(
  { key, settings, variant, prefix }: Unit,
  vote: ValueRule | null,
  samples: readonly Sample[],
): Cell {
  const right = rightUnder(vote)
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
    unit: key,
  }
}

const round = (value: number, digits: number) => Number(value.toFixed(digits))

/** Returns the cells as CSV (RFC 4180) with a header line. */
export function cellsCsv(cells: readonly Cell[]): string {
  const rows = cells.map(({ gain, ...cell }): Record<string, unknown> => ({
    ...cell,
    ...(gain !== undefined && {
      against: gain.against,
      difference: gain.difference,
      differenceLow: gain.low,
      differenceHigh: gain.high,
    }),
  }))
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const field = (value: unknown) => {
    const text = value === null || value === undefined ? '' : String(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  return (
    [columns, ...rows.map((row) => columns.map((column) => row[column]))]
      .map((row) => row.map(field).join(','))
      .join('\r\n') + '\r\n'
  )
}
