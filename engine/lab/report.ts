import type { Cell } from './cells.ts'
import { ablationFigures, evalFigures, strategyName, tunnelFigures, type Figure } from './charts.ts'
import { escapeXml } from './plot.ts'
import type { Header } from './store.ts'

export interface Report {
  header: Header
  cells: readonly Cell[]
  /** Numbers of samples made and requested; fewer made means that the experiment was stopped. */
  done: number
  wanted: number
  /** The command line that repeats the experiment. */
  command: string
  /** Number of engine processes and threads per process during the measurements. */
  jobs: number
  threads: number
  engine: string
}

const TITLES = {
  eval: 'Accuracy over paths and budget',
  ablate: 'Ablations',
  tunnel: 'Tunnel vision',
  bank: 'Path bank',
}
const FIGURES: Record<Header['experiment'], (cells: readonly Cell[]) => Figure[]> = {
  eval: evalFigures,
  ablate: ablationFigures,
  tunnel: tunnelFigures,
  bank: ablationFigures,
}

/**
 * Returns one self-contained HTML page: no scripts, nothing to fetch, light and dark colours,
 * printable. The same input gives the same page.
 */
export function reportHtml(report: Report): string {
  const { header, cells, done, wanted } = report
  const title = `${TITLES[header.experiment]}: ${header.model.name} on ${base(header.data.file)}`
  const facts: [string, string][] = [
    [
      'Model',
      `${header.model.name} (${base(header.model.file)}, sha256 ${header.model.sha256.slice(0, 12)})`,
    ],
    ['Problems', `${base(header.data.file)} (sha256 ${header.data.sha256.slice(0, 12)})`],
    [
      'Samples',
      done === wanted
        ? String(done)
        : `${done} of ${wanted}: stopped early, rows are not yet comparable`,
    ],
    ['Settings', settingsText(header)],
    [
      'Times',
      `${report.jobs} ${report.jobs === 1 ? 'run' : 'runs'} at once, ${report.threads === 0 ? 'all cores' : report.threads === 1 ? 'one thread' : `${report.threads} threads`} each`,
    ],
    ['Engine', report.engine],
    ['Command', report.command],
  ]
  return page({
    title,
    facts,
    figures: FIGURES[header.experiment](cells),
    tables: [{ heading: 'Cells', html: table(cells) }],
    notes: NOTES[header.experiment],
  })
}

export interface Page {
  title: string
  facts: readonly (readonly [string, string])[]
  figures: readonly Figure[]
  /** `html` is inserted as it is. */
  tables: readonly { heading: string; html: string }[]
  notes: readonly string[]
}

/** Returns a self-contained page with these parts. */
export function page({ title, facts, figures, tables, notes }: Page): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark"><title>${escapeXml(title)}</title><style>${CSS}</style></head>
<body><main>
<h1>${escapeXml(title)}</h1>
<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeXml(value)}</dd></div>`).join('')}</dl>
<div class="figures">${figures
    .map(
      ({ caption, svg }) => `<figure><figcaption>${escapeXml(caption)}</figcaption>${svg}</figure>`,
    )
    .join('\n')}</div>
${tables.map(({ heading, html }) => `<h2>${escapeXml(heading)}</h2>\n<div class="wide">${html}</div>`).join('\n')}
<h2>How to read this</h2>
<ul>${notes.map((note) => `<li>${escapeXml(note)}</li>`).join('')}</ul>
</main></body></html>
`
}

const COMMON = [
  'The answer is the model\u2019s own text; nothing checks it before it is scored.',
  'Bars are 95 % Wilson intervals; several samples of the same problem count as fewer independent samples.',
  '\u201cSome path right\u201d is the share of runs in which at least one path stated a right answer of its own: the accuracy of a perfect judge of the paths.',
  'Tokens are counted over the whole run: the prompt once, all paths, all summaries. Times exclude loading the model.',
]
const NOTES: Record<Header['experiment'], string[]> = {
  eval: [
    ...COMMON,
    'Rows use the same random draws: sample s of a problem starts every strategy from the same seed.',
    '\u201cequality\u201d merges answers of equal value. If the value alone shows that an answer is right, as in the numbers game, this nearly checks the answer, and \u201ctext\u201d is the fair vote.',
  ],
  ablate: [
    ...COMMON,
    'Every row runs the same problems from the same seeds; only what its name says differs from the first row.',
  ],
  bank: [
    ...COMMON.slice(0, 3),
    'Every row of a width uses the same recorded paths. \u201cone path\u201d is the mean over all of them.',
  ],
  tunnel: [
    ...COMMON,
    'For every prefix length, the table contains only problems that one path alone got wrong with a path at least as long as the longest prefix. Path 1 starts with this many tokens of its wrong path, in addition to its budget, so that a longer prefix leaves as many tokens to recover in; 0 is the control.',
  ],
}

function table(cells: readonly Cell[]): string {
  const variants = cells.some((c) => c.variant !== undefined)
  const share = (value: number) => (value * 100).toFixed(1)
  const columns: [string, (c: Cell) => string][] = [
    ...(variants
      ? ([['variant', (c: Cell) => c.variant ?? '']] as [string, (c: Cell) => string][])
      : []),
    ['strategy', strategyName],
    ['P', (c) => String(c.paths)],
    ['budget', (c) => String(c.budget)],
    ['finish', (c) => String(c.finish)],
    ['n', (c) => String(c.n)],
    ['correct', (c) => String(c.correct)],
    ['accuracy %', (c) => share(c.accuracy)],
    ['95 %', (c) => `${share(c.low)}\u2013${share(c.high)}`],
    ['some path %', (c) => share(c.anyPath)],
    ['tokens', (c) => c.tokens.toFixed(0)],
    ['median ms', (c) => c.medianMs.toFixed(0)],
    ['peak KV MiB', (c) => (c.peakKvBytes / 2 ** 20).toFixed(2)],
    ...(cells.some((c) => c.failed > 0)
      ? ([['failed', (c: Cell) => String(c.failed)]] as [string, (c: Cell) => string][])
      : []),
  ]
  return htmlTable(
    columns.map(([name]) => ({ name, text: ['variant', 'strategy', 'finish'].includes(name) })),
    cells.map((c) => columns.map(([, of]) => of(c))),
  )
}

/** Returns a table; columns without text are aligned as numbers. */
export function htmlTable(
  columns: readonly { name: string; text: boolean }[],
  rows: readonly (readonly string[])[],
): string {
  const align = columns.map(({ text }) => (text ? '' : ' class="n"'))
  return `<table><thead><tr>${columns.map(({ name }, i) => `<th scope="col"${align[i]}>${escapeXml(name)}</th>`).join('')}</tr></thead><tbody>
${rows.map((row) => `<tr>${row.map((cell, i) => `<td${align[i]}>${escapeXml(cell)}</td>`).join('')}</tr>`).join('\n')}
</tbody></table>`
}

function settingsText({ seed, settings }: Header): string {
  const flat = (value: unknown, prefix: string): string[] =>
    value !== null && typeof value === 'object'
      ? Object.entries(value).flatMap(([k, v]) => flat(v, prefix === '' ? k : `${prefix}.${k}`))
      : [`${prefix} ${String(value)}`]
  return [`seed ${seed}`, ...flat(settings, '')].join(', ')
}

/**
 * Returns a file name without folders, so that a report reveals nothing about the machine it was
 * made on.
 */
export const base = (file: string) => file.split(/[\\/]/).at(-1) ?? file

const CSS = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1c2024;--faint:#5c6570;--grid:#e3e6ea;
--s0:#0b6bcb;--s1:#c2410c;--s2:#0f8a5f;--s3:#a63d94;--s4:#8a6d00;--s5:#0e8a9c;--s6:#6b5bd2;--s7:#565d66;
--o0:#9cc3ee;--o1:#6fa6e0;--o2:#438ad0;--o3:#1f6cb8;--o4:#0f4f93;--o5:#07336b}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e8eaed;--faint:#9aa4af;--grid:#2b3138;
--s0:#62a8f0;--s1:#f08a4b;--s2:#4cc38a;--s3:#e07fd0;--s4:#d6b13c;--s5:#4cc3d6;--s6:#a397f5;--s7:#a7b0ba;
--o0:#2f5f96;--o1:#3f78b8;--o2:#5791d2;--o3:#78abe3;--o4:#a0c6f0;--o5:#d0e4fa}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:24px 20px 48px}h1{font-size:1.5rem;line-height:1.25;margin:0 0 12px}h2{font-size:1.1rem;margin:28px 0 8px}
dl{margin:0 0 20px;color:var(--faint);font-size:.87rem}dl div{display:flex;gap:12px}dt{flex:0 0 74px}dd{margin:0;color:var(--ink);overflow-wrap:anywhere}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,480px),1fr));gap:22px}figure{margin:0;break-inside:avoid}figcaption{font-weight:600;font-size:.92rem;margin-bottom:6px}
svg{width:100%;height:auto;display:block;font:12px system-ui,sans-serif}.grid,.axis{stroke:var(--grid);fill:none}.axis{stroke:var(--faint)}
.tick{fill:var(--faint)}.label{fill:var(--ink)}.name{fill:var(--c);font-weight:600}.lead{stroke:var(--grid);fill:none}
.line{stroke:var(--c);stroke-width:2;fill:none;stroke-linejoin:round}.dashed{stroke-dasharray:5 4}.interval{stroke:var(--c);stroke-width:1.5;opacity:.6;fill:none}.mark{fill:var(--c);stroke:var(--paper);stroke-width:1}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums}th,td{padding:4px 9px;text-align:left;white-space:nowrap;border-bottom:1px solid var(--grid)}th{color:var(--faint);font-weight:600}.n{text-align:right}
ul{color:var(--faint);padding-left:18px;font-size:.9rem}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#111;--faint:#444;--grid:#ccc;--s0:#0b6bcb;--s1:#c2410c;--s2:#0f8a5f;--s3:#a63d94;--s4:#8a6d00;--s5:#0e8a9c;--s6:#6b5bd2;--s7:#565d66;--o0:#9cc3ee;--o1:#6fa6e0;--o2:#438ad0;--o3:#1f6cb8;--o4:#0f4f93;--o5:#07336b}
main{max-width:none;padding:0}body{font-size:11px}.figures{grid-template-columns:1fr 1fr;gap:14px}table{font-size:9px}th,td{padding:2px 6px}tr{break-inside:avoid}.wide{overflow:visible}}
`
