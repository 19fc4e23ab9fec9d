import type { BankInfo } from './bank.ts'
import { lackingText, type BankScore, type ScoreRow } from './bank-score.ts'
import type { Figure } from './charts.ts'
import { lineChart, type Series } from './plot.ts'
import { base, htmlTable, page } from './report.ts'
import { groupBy } from './stats.ts'

/** The score of a bank, and what the bank is. */
export interface NamedScore {
  info: BankInfo
  score: BankScore
}

const percent = (share: number) => (share * 100).toFixed(1)
const share = (value: number) => `${percent(value)} %`

/** Returns one self-contained page of the scores of several banks. */
export function scoreHtml(banks: readonly NamedScore[]): string {
  return page({
    title: `Rules of a vote: ${banks.map(({ info }) => info.model.name).join(', ')}`,
    facts: banks.flatMap(({ info, score }) => [
      ['Model', `${info.model.name} (sha256 ${info.model.sha256.slice(0, 12)})`] as const,
      [
        'Bank',
        `${base(info.data.file)}, ${info.problems.length} problems, ${info.paths} paths of at most ${info.settings.budget} tokens, seed ${info.seed}`,
      ] as const,
      ...score.lacking.map((one) => ['Lacking', lackingText(one)] as const),
    ]),
    figures: banks.flatMap(({ info, score }) => figuresOf(info.model.name, score)),
    tables: banks.map(({ info, score }) => ({
      heading: info.model.name,
      html: tableOf(score),
    })),
    notes: [
      'All rules are applied to the same recorded paths; nothing is decoded again. A row uses the first paths in their recorded order; bars are 95 % Wilson intervals.',
      `"any order" is the mean over ${banks[0]?.score.orders ?? 0} random orders of all recorded paths (seed ${banks[0]?.score.seed ?? 0}).`,
      'Points, better, worse and p compare a rule with plain majority on the same problems and paths (paired; McNemar\u2019s exact test). With 300 questions, differences below 3.6 points cannot be told from chance.',
      'Tokens are those of the paths and of probes, without the prompt. "decided" and "stable" use fewer; "first half" assumes that all paths write equally fast.',
    ],
  })
}

function figuresOf(name: string, { rows }: BankScore): Figure[] {
  const title = (row: ScoreRow) =>
    `${row.rule}, ${row.paths} paths: ${share(row.share)} (${share(row.low)} to ${share(row.high)}), ${row.tokens.toFixed(0)} tokens`
  const series = (x: (row: ScoreRow) => number): Series[] =>
    [...groupBy(rows, ({ rule }) => rule)].map(([rule, list]) => ({
      name: rule,
      lines: [list.map((row) => ({ x: x(row), y: row.orders.share, title: title(row) }))],
      dashed: rule === 'majority',
    }))
  return [
    {
      caption: `${name}: accuracy over tokens per problem, by rule (mean over random orders)`,
      svg: lineChart({
        title: 'Accuracy over tokens',
        x: { label: 'tokens per problem (mean)', scale: 'log' },
        y: { format: share, most: 1 },
        series: series((row) => Math.max(1, row.orders.tokens)),
      }),
    },
    {
      caption: `${name}: accuracy over the number of paths, by rule (mean over random orders)`,
      svg: lineChart({
        title: 'Accuracy over paths',
        x: {
          label: 'paths',
          scale: 'log',
          ticks: [...new Set(rows.map(({ paths }) => paths))],
        },
        y: { format: share, most: 1 },
        series: series(({ paths }) => paths),
      }),
    },
  ].filter(({ svg }) => svg !== '')
}

function tableOf({ rows }: BankScore): string {
  const columns: [string, (row: ScoreRow) => string][] = [
    ['rule', ({ rule }) => rule],
    ['paths', ({ paths }) => String(paths)],
    ['n', ({ n }) => String(n)],
    ['accuracy %', (row) => percent(row.share)],
    ['95 %', ({ low, high }) => `${percent(low)}\u2013${percent(high)}`],
    ['tokens', ({ tokens }) => tokens.toFixed(0)],
    ['saved %', ({ saved }) => percent(saved)],
    ['any order %', ({ orders }) => percent(orders.share)],
    ['tokens, any order', ({ orders }) => orders.tokens.toFixed(0)],
    ['points', ({ against }) => (against === undefined ? '' : percent(against.difference))],
    [
      '95 % of points',
      ({ against }) =>
        against === undefined ? '' : `${percent(against.low)} to ${percent(against.high)}`,
    ],
    ['better', ({ against }) => (against === undefined ? '' : String(against.first))],
    ['worse', ({ against }) => (against === undefined ? '' : String(against.second))],
    ['McNemar p', ({ against }) => (against === undefined ? '' : against.p.toPrecision(2))],
  ]
  return htmlTable(
    columns.map(([name]) => ({ name, text: name === 'rule' })),
    rows.map((row) => columns.map(([, of]) => of(row))),
  )
}
