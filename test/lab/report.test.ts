import { describe, expect, it } from 'vitest'
import { cellsOf, type Cell } from '../../engine/lab/cells.ts'
import { ablationFigures, evalFigures, tunnelFigures } from '../../engine/lab/charts.ts'
import { measure } from '../../engine/lab/measure.ts'
import { lineChart } from '../../engine/lab/plot.ts'
import { reportHtml, type Report } from '../../engine/lab/report.ts'
import { digest, header, problems, unit } from './fixtures.ts'

const set = problems(3)
const cell = (settings: Parameters<typeof unit>[0], extra: Partial<Cell> = {}): Cell[] => {
  const u = unit(settings)
  return cellsOf(
    [u],
    set.map((p) => measure(u, p, 0, 1, digest(['1', '2'], ['\\boxed{2}'], null))),
  ).map((c) => ({ ...c, ...extra }))
}
const cells = [20, 40]
  .flatMap((budget) =>
    [1, 2, 4].flatMap((paths) => [
      ...cell({ paths, budget }),
      ...cell({ strategy: 'majority', paths, budget }),
    ]),
  )
  .concat(cell({ strategy: 'sequential', paths: 1, budget: 80 }))
const report = (change: Partial<Report> = {}): Report => ({
  header: header(),
  cells,
  done: 39,
  wanted: 39,
  command: 'braid eval --data x',
  jobs: 2,
  threads: 1,
  engine: 'llama.cpp v1',
  ...change,
})
const numbersIn = (svg: string) => [...svg.matchAll(/(?:NaN|Infinity|undefined)/g)].map(String)

describe('figures', () => {
  it('draws what an evaluation has to show', () => {
    const captions = evalFigures(cells).map(({ caption }) => caption)
    expect(captions.map((c) => c.split(/ over |,/)[1])).toHaveLength(6)
    expect(captions.join('\n')).toMatch(
      /budget per path[^]*budget 20[^]*budget 40[^]*all tokens[^]*Latency[^]*KV cache/,
    )
    for (const { svg } of evalFigures(cells)) expect(numbersIn(svg)).toEqual([])
  })
  it('draws one mark a cell and one interval each', () => {
    const [overBudget] = evalFigures(cells)
    expect(overBudget!.svg.match(/class="mark"/g)).toHaveLength(6)
    expect(overBudget!.svg.match(/class="interval"/g)).toHaveLength(6)
    expect(overBudget!.svg.match(/class="line"/g)).toHaveLength(3)
  })
  it('leaves out figures that need more cells', () => {
    expect(evalFigures(cell({ paths: 1 }))).toEqual([])
    expect(evalFigures([])).toEqual([])
    expect(
      lineChart({ title: 't', x: { label: 'x', scale: 'log' }, y: { format: String }, series: [] }),
    ).toBe('')
  })
  it('draws tunnels and ablations', () => {
    const tunnel = [0, 10, 80].flatMap((prefix) => [
      ...cell({ strategy: 'sequential', paths: 1 }, { prefix }),
      ...cell({ paths: 4 }, { prefix }),
    ])
    expect(tunnelFigures(tunnel)[0]!.svg).toMatch(/alone[^]*with 3 free paths/)
    const ablation = ['as trained', 'no table'].flatMap((variant) =>
      cell({ paths: 4 }, { variant }),
    )
    const { svg } = ablationFigures(ablation)[0]!
    expect(svg.match(/class="mark"/g)).toHaveLength(2)
    expect(numbersIn(svg)).toEqual([])
  })
  it('places values where they belong', () => {
    const chart = (y: number) =>
      lineChart({
        title: 't',
        x: { label: 'x', scale: 'linear', ticks: [0, 10] },
        y: { format: String, most: 1 },
        series: [
          {
            name: 'a',
            lines: [
              [
                { x: 0, y: 0, title: '' },
                { x: 10, y, title: '' },
              ],
            ],
          },
        ],
      })
    const centres = (svg: string) =>
      [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)])
    const [[x0, y0], [x1, y1]] = centres(chart(1)) as [number[], number[]]
    expect([y0, y1]).toEqual([280, 14])
    expect(x1! - x0!).toBeGreaterThan(250)
    const [, [, half]] = centres(chart(0.75)) as [number[], number[]]
    expect(half).toBeCloseTo(280 - (266 * 0.75) / 0.8, 0)
  })
})

describe('reportHtml', () => {
  it('is deterministic, whole, and says what was run', () => {
    const html = reportHtml(report())
    expect(html).toBe(reportHtml(report()))
    expect(html.match(/<tr>/g)).toHaveLength(cells.length + 1)
    expect(html).toMatch(/braid eval --data x[^]*<svg/)
    expect(html).toContain('prefers-color-scheme:dark')
    expect(html).toContain('@media print')
    expect(reportHtml(report({ done: 4 }))).toContain('4 of 39: stopped early')
  })
  it('is inert, whatever names say, and tells no folders', () => {
    const evil = '</title><script>alert(1)</script><img src=x onerror=alert(1)>"\''
    const html = reportHtml(
      report({
        header: header({
          model: {
            name: evil,
            file: `/home/someone/secret/${evil.replaceAll('/', '')}`,
            sha256: evil,
          },
          data: { file: `C:\\Users\\someone\\${evil.replaceAll('/', '')}`, sha256: evil },
          settings: { system: evil },
        }),
        command: evil,
        engine: evil,
        cells: cells.map((c) => ({ ...c, variant: evil })),
      }),
    )
    expect(html).not.toMatch(/<script|<img|<a |<link|<iframe|href=|src=["'h]|url\(|@import/i)
    expect(html).toContain("default-src 'none'")
    expect(html).not.toContain('someone')
  })
})
