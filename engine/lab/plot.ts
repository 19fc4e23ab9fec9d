/**
 * Draws charts as inert SVG strings: no scripts or links. Colours come from the CSS variables of
 * the page (`--s0`.., `--o0`.. for ordered series, `--ink`, `--faint`, `--grid`). Coordinates are
 * SVG user units of a fixed view box.
 */

export interface Point {
  x: number
  y: number
  /** Interval around y. */
  low?: number
  high?: number
  /** Text shown on hover. */
  title: string
}

export interface Series {
  name: string
  /** Each line is drawn as one polyline; a single point is drawn only as a mark. */
  lines: readonly (readonly Point[])[]
  dashed?: boolean
  /**
   * Colour and mark, 0..7; default: the series' position in the list. Keeps a series' look the same
   * in several charts.
   */
  look?: number
}

export interface LineChart {
  title: string
  x: {
    label: string
    scale: 'linear' | 'log'
    /** Values marked on the axis; default: round values. */
    ticks?: readonly number[]
  }
  y: {
    format: (value: number) => string
    /** Highest value worth showing, such as 1 for a share. */
    most?: number
  }
  series: readonly Series[]
  /**
   * True if the series are steps of one quantity: they get a ramp of one colour instead of
   * different colours.
   */
  ordered?: boolean
}

const WIDTH = 560
const HEIGHT = 330
const PLOT = { left: 62, right: 384, top: 14, bottom: 280 }
/** Labels closer in height than this would overlap. */
const LABEL_GAP = 15
const SHAPES = ['circle', 'square', 'diamond', 'triangle'] as const

export const escapeXml = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

/**
 * Returns a line chart, or an empty string if there is nothing to draw. No y may be above `most`;
 * the axis begins at 0.
 */
export function lineChart(chart: LineChart): string {
  const points = chart.series.flatMap(({ lines }) => lines.flat())
  if (points.length === 0) return ''
  const ticks =
    chart.x.ticks ??
    roundTicks(
      Math.min(...points.map(({ x }) => x)),
      Math.max(...points.map(({ x }) => x)),
      chart.x.scale,
    )
  const xs = [...points.map(({ x }) => x), ...ticks]
  const top = niceTop(
    Math.max(...points.map(({ y, high }) => Math.max(y, high ?? y))),
    chart.y.most,
  )
  const x = axis(Math.min(...xs), Math.max(...xs), PLOT.left + 14, PLOT.right - 10, chart.x.scale)
  const y = axis(0, top, PLOT.bottom, PLOT.top, 'linear')
  const colour = (i: number) =>
    chart.ordered
      ? `var(--o${Math.min(5, Math.round((i * 5) / Math.max(1, chart.series.length - 1)))})`
      : `var(--s${(chart.series[i]!.look ?? i) % 8})`
  const yTicks = linearTicks(0, top, 5)
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeXml(chart.title)}">`,
    `<title>${escapeXml(chart.title)}</title>`,
    ...yTicks.map(
      (t) =>
        `<path class="grid" d="M${PLOT.left} ${f(y(t))}H${PLOT.right}"/><text class="tick" x="${PLOT.left - 7}" y="${f(y(t) + 4)}" text-anchor="end">${escapeXml(chart.y.format(t))}</text>`,
    ),
    ...spaced(ticks, x, 26).map(
      (t) =>
        `<path class="grid" d="M${f(x(t))} ${PLOT.bottom}v5"/><text class="tick" x="${f(x(t))}" y="${PLOT.bottom + 19}" text-anchor="middle">${number(t)}</text>`,
    ),
    `<path class="axis" d="M${PLOT.left} ${PLOT.bottom}H${PLOT.right}"/>`,
    `<text class="label" x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escapeXml(chart.x.label)}</text>`,
    ...chart.series.map((series, i) => drawSeries(series, i, colour(i), x, y, chart.series.length)),
    ...names(chart.series, colour, x, y),
    '</svg>',
  ].join('\n')
}

type Scale = (value: number) => number

function axis(
  from: number,
  to: number,
  start: number,
  end: number,
  scale: 'linear' | 'log',
): Scale {
  const map = scale === 'log' ? Math.log2 : (v: number) => v
  const [a, b] = [map(from), map(to)]
  return (value) =>
    a === b ? (start + end) / 2 : start + ((map(value) - a) / (b - a)) * (end - start)
}

function drawSeries(
  { lines, dashed, look }: Series,
  index: number,
  colour: string,
  x: Scale,
  y: Scale,
  count: number,
): string {
  // Shift marks at the same place slightly apart, so that all stay readable.
  const shift = (index - (count - 1) / 2) * Math.min(2.5, 10 / count)
  const at = (p: Point) => [x(p.x) + shift, y(p.y)] as const
  const out = [`<g class="series" style="--c:${colour}">`]
  for (const line of lines) {
    if (line.length > 1)
      out.push(
        `<path class="line${dashed ? ' dashed' : ''}" d="M${line.map((p) => at(p).map(f).join(' ')).join('L')}"/>`,
      )
  }
  for (const p of lines.flat()) {
    const [px, py] = at(p)
    out.push('<g>', `<title>${escapeXml(p.title)}</title>`)
    if (p.low !== undefined && p.high !== undefined)
      out.push(`<path class="interval" d="M${f(px)} ${f(y(p.low))}V${f(y(p.high))}"/>`)
    out.push(mark(SHAPES[(look ?? index) % SHAPES.length]!, px, py), '</g>')
  }
  return [...out, '</g>'].join('')
}

function mark(shape: (typeof SHAPES)[number], px: number, py: number): string {
  const at = (dx: number, dy: number) => `${f(px + dx)} ${f(py + dy)}`
  if (shape === 'circle') return `<circle class="mark" cx="${f(px)}" cy="${f(py)}" r="4"/>`
  if (shape === 'square') return `<path class="mark" d="M${at(-3.6, -3.6)}h7.2v7.2h-7.2z"/>`
  if (shape === 'diamond')
    return `<path class="mark" d="M${at(0, -5)}L${at(5, 0)}L${at(0, 5)}L${at(-5, 0)}z"/>`
  return `<path class="mark" d="M${at(0, -5)}L${at(4.6, 4)}L${at(-4.6, 4)}z"/>`
}

/**
 * Draws the series' names at the right, as close to the height of their last point as space allows,
 * each connected to it by a thin line.
 */
function names(
  series: readonly Series[],
  colour: (i: number) => string,
  x: Scale,
  y: Scale,
): string[] {
  const labels = series
    .map(({ name, lines }, i) => {
      const last = lines.flat().reduce((a, b) => (b.x >= a.x ? b : a))
      return { name, i, wish: y(last.y), from: x(last.x) }
    })
    .sort((a, b) => a.wish - b.wish || a.i - b.i)
  const places = labels.map(({ wish }) => wish)
  for (let i = 1; i < places.length; i++)
    places[i] = Math.max(places[i]!, places[i - 1]! + LABEL_GAP)
  const over = Math.max(0, (places.at(-1) ?? 0) - PLOT.bottom)
  if (over > 0) {
    places[places.length - 1]! -= over
    for (let i = places.length - 2; i >= 0; i--)
      places[i] = Math.min(places[i]!, places[i + 1]! - LABEL_GAP)
  }
  return labels.map(
    ({ name, i, wish, from }, k) =>
      `<path class="lead" d="M${f(from + 7)} ${f(wish)}L${PLOT.right} ${f(places[k]!)}h4"/><text class="name" style="--c:${colour(i)}" x="${PLOT.right + 8}" y="${f(places[k]! + 4)}">${escapeXml(name)}</text>`,
  )
}

export interface DotChart {
  title: string
  label: string
  format: (value: number) => string
  most?: number
  rows: readonly {
    name: string
    group: string
    value: number
    low: number
    high: number
    title: string
  }[]
}

/** Draws one row per value with its interval; rows of a group share a colour and a heading. */
export function dotChart({ title, label, format, most, rows }: DotChart): string {
  if (rows.length === 0) return ''
  const groups = [...new Set(rows.map(({ group }) => group))]
  const [left, right, line] = [210, 540, 22]
  const height = rows.length * line + groups.length * line + 62
  const top = niceTop(Math.max(...rows.map(({ high }) => high)), most)
  const x = axis(0, top, left, right, 'linear')
  const out = [
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}"><title>${escapeXml(title)}</title>`,
  ]
  const bottom = height - 46
  for (const t of linearTicks(0, top, 5))
    out.push(
      `<path class="grid" d="M${f(x(t))} 6V${bottom}"/><text class="tick" x="${f(x(t))}" y="${bottom + 17}" text-anchor="middle">${escapeXml(format(t))}</text>`,
    )
  let at = 0
  for (const [g, group] of groups.entries()) {
    at += line
    out.push(`<text class="name" style="--c:var(--ink)" x="8" y="${at}">${escapeXml(group)}</text>`)
    for (const row of rows.filter((r) => r.group === group)) {
      at += line
      out.push(
        `<g class="series" style="--c:var(--s${g % 8})"><title>${escapeXml(row.title)}</title><text class="tick" x="${left - 10}" y="${at}" text-anchor="end">${escapeXml(row.name)}</text>`,
      )
      out.push(
        `<path class="interval" d="M${f(x(row.low))} ${at - 4}H${f(x(row.high))}"/>${mark('circle', x(row.value), at - 4)}</g>`,
      )
    }
  }
  out.push(
    `<text class="label" x="${(left + right) / 2}" y="${height - 8}" text-anchor="middle">${escapeXml(label)}</text></svg>`,
  )
  return out.join('\n')
}

const f = (value: number): string => String(Math.round(value * 10) / 10)
export const number = (value: number): string =>
  value >= 10_000 && value % 1000 === 0 ? `${value / 1000}k` : String(Number(value.toPrecision(6)))

/**
 * Returns the end of an axis that begins at 0: a round value at or above `value`, but not above
 * `most`.
 */
function niceTop(value: number, most = Infinity): number {
  if (!(value > 0)) return Math.min(1, most)
  const unit = 10 ** Math.floor(Math.log10(value))
  return Math.min(
    most,
    [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((k) => k * unit >= value * 0.999999)! * unit,
  )
}

function linearTicks(from: number, to: number, count: number): number[] {
  const raw = (to - from) / count
  const unit = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 2.5, 5, 10].find((k) => k * unit >= raw * 0.999999)! * unit
  return Array.from({ length: Math.floor((to - from) / step + 1e-9) + 1 }, (_, i) =>
    Number((from + i * step).toPrecision(12)),
  )
}

function roundTicks(from: number, to: number, scale: 'linear' | 'log'): number[] {
  if (scale === 'linear') return linearTicks(0, to, 5)
  const all = Array.from({ length: 20 }, (_, decade) =>
    [1, 2, 5].map((k) => k * 10 ** decade),
  ).flat()
  const first = Math.max(
    0,
    all.findLastIndex((t) => t <= from),
  )
  return all.slice(first, all.findIndex((t) => t >= to) + 1 || undefined)
}

/** Drops ticks that are closer than `gap` to the previous one. */
function spaced(ticks: readonly number[], x: Scale, gap: number): number[] {
  const kept: number[] = []
  for (const t of [...ticks].sort((a, b) => a - b))
    if (kept.length === 0 || x(t) - x(kept.at(-1)!) >= gap) kept.push(t)
  return kept
}
