const WIDTH = 112
const HEIGHT = 14

/** Draws a value and its interval on a line from `from` to `to`, with a mark at 0 if that is inside. */
export function IntervalBar({
  value,
  low,
  high,
  from,
  to,
  width = WIDTH,
}: {
  value: number
  low: number
  high: number
  from: number
  to: number
  width?: number
}) {
  const x = (v: number) =>
    4 + ((Math.min(to, Math.max(from, v)) - from) / (to - from)) * (width - 8)
  const middle = HEIGHT / 2
  return (
    <svg className="interval-bar" width={width} height={HEIGHT} aria-hidden focusable={false}>
      <line className="axis" x1={x(from)} x2={x(to)} y1={middle} y2={middle} />
      {from < 0 && to > 0 && <line className="zero" x1={x(0)} x2={x(0)} y1={1} y2={HEIGHT - 1} />}
      <line className="span" x1={x(low)} x2={x(high)} y1={middle} y2={middle} />
      <circle className="value" cx={x(value)} cy={middle} r={3.5} />
    </svg>
  )
}
