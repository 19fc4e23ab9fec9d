import { useEffect, useId, useState } from 'react'
import { useT } from '../i18n/index.ts'
import { invalidFields } from '../store/invalid.ts'

/** A number field. Only a number in range is passed on; for anything else the field shows the range. */
export function NumberField({
  label,
  value,
  min,
  max,
  step = 1,
  disabled = false,
  warn,
  hint,
  fraction = false,
  onChange,
}: {
  label: string
  value: number | undefined
  min: number
  max: number
  step?: number
  disabled?: boolean
  warn?: string | undefined
  hint?: string
  fraction?: boolean
  onChange(value: number): void
}) {
  const t = useT()
  const id = useId()
  const [typed, setTyped] = useState<string | null>(null)
  // Set from elsewhere, such as by a preset.
  useEffect(() => {
    if (value !== Number(typed)) setTyped(null)
  }, [value])
  const shown = typed ?? (value === undefined ? '' : String(value))
  /** Whether a text is a number in range. */
  const isGood = (text: string): boolean => {
    const number = Number(text)
    return (
      text.trim() !== '' &&
      Number.isFinite(number) &&
      number >= min &&
      number <= max &&
      (fraction || Number.isInteger(number))
    )
  }
  const bad = typed !== null && !isGood(typed)
  useEffect(() => {
    if (!bad) return
    invalidFields.add(id)
    return () => void invalidFields.delete(id)
  }, [bad, id])
  const note = bad ? t('field.range', { min, max }) : (warn ?? hint)
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className="input num"
        type="number"
        inputMode={fraction ? 'decimal' : 'numeric'}
        value={shown}
        min={min}
        max={max}
        step={fraction ? 'any' : step}
        disabled={disabled}
        aria-invalid={bad}
        aria-describedby={`${id}-note`}
        onChange={(event) => {
          const text = event.target.value
          setTyped(text)
          if (isGood(text)) onChange(Number(text))
        }}
        // What is out of range stays, with the range, until it is mended.
        onBlur={() => {
          if (!bad) setTyped(null)
        }}
      />
      <span id={`${id}-note`} className={bad || warn !== undefined ? 'hint bad-text' : 'hint'}>
        {note ?? ''}
      </span>
    </div>
  )
}
