import { useRef, type KeyboardEvent, type ReactNode } from 'react'

/** A choice of a few options as a radio group: one tab stop, arrow keys to move. */
export function Segmented<T extends string | number>({
  label,
  value,
  options,
  onChange,
}: {
  label: string
  value: T
  options: readonly { value: T; label: ReactNode; name?: string }[]
  onChange(value: T): void
}) {
  const ref = useRef<HTMLDivElement>(null)
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const rtl =
      document.documentElement.dir === 'rtl' &&
      (event.key === 'ArrowRight' || event.key === 'ArrowLeft')
    const index = options.findIndex((option) => option.value === value) + (rtl ? -step : step)
    const next = (index + options.length) % options.length
    onChange(options[next]!.value)
    ;(ref.current?.children[next] as HTMLElement | undefined)?.focus()
  }
  return (
    <div ref={ref} className="segmented" role="radiogroup" aria-label={label} onKeyDown={onKey}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          role="radio"
          aria-checked={option.value === value}
          tabIndex={option.value === value ? 0 : -1}
          aria-label={option.name}
          onClick={() => onChange(option.value)}
        >
          {option.label}
        </button>
      ))}
    </div>
  )
}
