/** Draws the mean logprob along a path as a line: high is sure, low is unsure. The scale is -3 to 0 for every path. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  const y = (value: number) => (1 + (Math.min(0, Math.max(-3, value)) / -3) * 16).toFixed(1)
  const points = values
    .map((value, i) => `${((i / Math.max(1, values.length - 1)) * 80).toFixed(1)},${y(value)}`)
    .join(' ')
  return (
    <svg
      className="spark"
      viewBox="0 0 80 18"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <line x1="0" y1="17" x2="80" y2="17" className="spark-base" />
      {values.length > 1 && (
        <polyline points={points} className="spark-line" vectorEffect="non-scaling-stroke" />
      )}
    </svg>
  )
}
