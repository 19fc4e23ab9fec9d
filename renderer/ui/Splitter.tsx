import { useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'

const STEP = 0.02

/**
 * The border between two columns, moved by mouse or arrow keys. `value`: the share of the width that
 * the second column takes. Sets `--split` of its parent while it is moved, and reports the end.
 */
export function Splitter({
  label,
  value,
  min,
  max,
  onChange,
}: {
  label: string
  value: number
  min: number
  max: number
  onChange(value: number): void
}) {
  const ref = useRef<HTMLDivElement>(null)
  const [moving, setMoving] = useState<number | null>(null)
  const clamp = (share: number) => Math.round(1000 * Math.min(max, Math.max(min, share))) / 1000
  const show = (share: number) => {
    setMoving(share)
    ref.current!.parentElement!.style.setProperty('--split', String(share))
  }
  const onMove = (event: PointerEvent) => {
    if (moving === null) return
    const box = ref.current!.parentElement!.getBoundingClientRect()
    const rtl = document.documentElement.dir === 'rtl'
    show(clamp((rtl ? event.clientX - box.left : box.right - event.clientX) / box.width))
  }
  const end = () => {
    if (moving === null) return
    onChange(moving)
    setMoving(null)
  }
  const onKey = (event: KeyboardEvent) => {
    const toEnd = document.documentElement.dir === 'rtl' ? STEP : -STEP
    const step = { ArrowRight: toEnd, ArrowLeft: -toEnd }[event.key]
    const next = step !== undefined ? value + step : { Home: max, End: min }[event.key]
    if (next === undefined) return
    event.preventDefault()
    show(clamp(next))
    setMoving(null)
    onChange(clamp(next))
  }
  return (
    <div
      ref={ref}
      className={moving === null ? 'splitter' : 'splitter moving'}
      role="separator"
      aria-orientation="vertical"
      aria-label={label}
      aria-valuemin={Math.round(100 * min)}
      aria-valuemax={Math.round(100 * max)}
      aria-valuenow={Math.round(100 * (moving ?? value))}
      tabIndex={0}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        setMoving(value)
      }}
      onPointerMove={onMove}
      onPointerUp={end}
      onPointerCancel={end}
      onKeyDown={onKey}
    />
  )
}
