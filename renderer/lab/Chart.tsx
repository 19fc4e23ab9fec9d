import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { useT } from '../i18n/index.ts'
import { usePrefs } from '../store/prefs.ts'
import type { ChartData } from './series.ts'
import { percents } from './verdict.ts'

const HEIGHT = 240
/** Hues of the paths' colours, in the order of their contrast (styles/tokens.css). */
const HUES = [255, 50, 150, 330, 205, 90, 290, 15]
const DASHES = [[], [6, 4], [2, 3]]

/** Draws a line per series with 95 % intervals. The table beside it holds the same figures. */
export default function Chart({ data }: { data: ChartData }) {
  const t = useT()
  const theme = usePrefs((s) => s.theme)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const root = box.current!
    const css = getComputedStyle(document.documentElement)
    const token = (name: string) => css.getPropertyValue(name).trim()
    const colour = (i: number) =>
      `oklch(${token('--path-l')} ${token('--path-c')} ${HUES[i % HUES.length]})`
    const [line, text] = [token('--line'), token('--text-2')]
    const font = `12px ${getComputedStyle(document.body).fontFamily}`
    const { x, series } = data
    const plot = new uPlot(
      {
        width: root.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 16, 0, 0],
        scales: {
          x: {
            time: false,
            ...(x.log ? { distr: 3 as const, log: 2 as const } : {}),
            range: () => {
              const [low, high] = [x.values[0]!, x.values.at(-1)!]
              return x.log ? [low / 1.15, high * 1.15] : [low - high * 0.04, high * 1.04]
            },
          },
          y: { range: [0, 100] },
        },
        axes: [
          {
            label: x.label,
            labelSize: 20,
            size: 28,
            font,
            labelFont: font,
            stroke: text,
            splits: () => x.values,
            values: () => x.values.map(String),
            filter: (_plot, splits) => splits,
            grid: { show: false },
            ticks: { stroke: line, size: 4 },
          },
          {
            label: t('chart.accuracy'),
            labelSize: 20,
            size: 40,
            font,
            labelFont: font,
            stroke: text,
            grid: { stroke: line, width: 1 },
            ticks: { show: false },
          },
        ],
        series: [
          {},
          ...series.map(({ name }, i) => ({
            label: name,
            stroke: colour(i),
            width: 2,
            dash: DASHES[Math.floor(i / HUES.length) % DASHES.length]!,
            spanGaps: true,
            points: { show: true, size: 7, fill: colour(i) },
          })),
        ],
        hooks: {
          draw: [
            (drawn) => {
              const { ctx } = drawn
              ctx.save()
              ctx.lineWidth = 1.5 * devicePixelRatio
              for (const [i, { points }] of series.entries()) {
                ctx.strokeStyle = colour(i)
                ctx.globalAlpha = 0.55
                // Intervals at the same place stand slightly apart.
                for (const [k, cell] of points.entries()) {
                  if (cell === null) continue
                  const here = series.filter((one) => one.points[k] !== null)
                  const place = here.indexOf(series[i]!) - (here.length - 1) / 2
                  const shift = place * 3 * devicePixelRatio
                  const left = drawn.valToPos(x.values[k]!, 'x', true) + shift
                  ctx.beginPath()
                  ctx.moveTo(left, drawn.valToPos(cell.low * 100, 'y', true))
                  ctx.lineTo(left, drawn.valToPos(cell.high * 100, 'y', true))
                  ctx.stroke()
                }
              }
              ctx.restore()
            },
          ],
        },
      },
      [x.values, ...series.map(({ points }) => points.map((c) => c && c.accuracy * 100))],
      root,
    )
    const watch = new ResizeObserver(() =>
      plot.setSize({ width: root.clientWidth, height: HEIGHT }),
    )
    watch.observe(root)
    return () => {
      watch.disconnect()
      plot.destroy()
    }
  }, [data, theme, t])
  const words = data.series
    .map(
      ({ name, points }) =>
        `${name}: ${points.map((c, i) => (c === null ? '' : `${data.x.values[i]}: ${percents(c.accuracy)}`)).join(', ')}`,
    )
    .join('; ')
  return (
    <figure className="lab-chart">
      <figcaption className="small">
        <strong>{t(data.title)}</strong> <span className="dim">{t('chart.bars')}</span>
      </figcaption>
      <div ref={box} className="lab-plot" role="img" aria-label={`${t(data.title)}. ${words}`} />
      <ul className="lab-legend small">
        {data.series.map(({ name }, i) => (
          <li key={name}>
            <span className="lab-key" data-series={i % HUES.length} aria-hidden />
            {name}
          </li>
        ))}
      </ul>
    </figure>
  )
}
