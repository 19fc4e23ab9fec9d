import { useEffect, useId, useState } from 'react'
import { useT } from '../i18n/index.ts'
import { invalidFields } from '../store/invalid.ts'

type Blank<B> = B extends string ? undefined : never

/**
 * A number field. Only a number in range is passed on; for anything else the field shows the range.
 * `blank`: an empty field is valid, passes on undefined, and shows this text. `settled`: the number is
 * passed on once the field is left or Enter is pressed, for what each number typed on the way would set off.
 */
export function NumberField<B extends string | undefined = undefined>({
  label,
  value,
  min,
  max,
  step = 1,
  disabled = false,
  warn,
  hint,
  fraction = false,
  blank,
  settled = false,
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
  blank?: B
  settled?: boolean
  onChange(value: number | Blank<B>): void
}) {
  const t = useT()
  const id = useId()
  const [typed, setTyped] = useState<string | null>(null)
  /** For a text such as "1e", which is not a number, the browser gives an empty one. */
  const [garbled, setGarbled] = useState(false)
  // Set from elsewhere, such as by a preset.
  useEffect(() => {
    if (typed !== null && value !== (typed === '' ? undefined : Number(typed))) setTyped(null)
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
  const isBlank = (text: string) => blank !== undefined && text === '' && !garbled
  const bad = typed !== null && !isGood(typed) && !isBlank(typed)
  useEffect(() => {
    if (!bad) return
    invalidFields.add(id)
    return () => void invalidFields.delete(id)
  }, [bad, id])
  const passOn = (text: string, garbled: boolean) => {
    if (isGood(text)) onChange(Number(text))
    else if (blank !== undefined && text === '' && !garbled) onChange(undefined as Blank<B>)
  }
  const settle = () => {
    if (settled && typed !== null) passOn(typed, garbled)
  }
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
        placeholder={blank}
        min={min}
        max={max}
        step={fraction ? 'any' : step}
        disabled={disabled}
        aria-invalid={bad}
        aria-describedby={`${id}-note`}
        onChange={(event) => {
          const text = event.target.value
          const { badInput } = event.target.validity
          setTyped(text)
          setGarbled(badInput)
          if (!settled) passOn(text, badInput)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') settle()
        }}
        // What is out of range stays, with the range, until it is mended.
        onBlur={() => {
          settle()
          if (!bad) setTyped(null)
        }}
      />
      <span id={`${id}-note`} className={bad || warn !== undefined ? 'hint bad-text' : 'hint'}>
        {note ?? ''}
      </span>
    </div>
  )
}
