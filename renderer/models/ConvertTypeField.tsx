import { useId } from 'react'
import { CONVERT_TYPES, type ConvertType } from '../../engine/protocol/wire.ts'
import { useT } from '../i18n/index.ts'

/** Size of each weight type as a share of 16-bit weights, roughly. */
const SHARE: Record<ConvertType, number> = {
  f32: 2,
  f16: 1,
  bf16: 1,
  q8_0: 0.53,
  q6_k: 0.41,
  q5_k_m: 0.36,
  q5_1: 0.38,
  q5_0: 0.35,
  q4_k_m: 0.31,
  q4_k_s: 0.29,
  q4_1: 0.32,
  q4_0: 0.29,
  q3_k_m: 0.25,
}

export function ConvertTypeField({
  label,
  value,
  onChange,
}: {
  label: string
  value: ConvertType
  onChange(type: ConvertType): void
}) {
  const t = useT()
  const id = useId()
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <select
        id={id}
        className="select"
        value={value}
        onChange={(event) => onChange(event.target.value as ConvertType)}
      >
        {[...CONVERT_TYPES]
          .sort((a, b) => SHARE[b] - SHARE[a])
          .map((type) => (
            <option key={type} value={type}>
              {t('convert.typeCost', { type, percent: Math.round(100 * SHARE[type]) })}
            </option>
          ))}
      </select>
    </div>
  )
}
