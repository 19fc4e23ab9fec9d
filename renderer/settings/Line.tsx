import type { ReactNode } from 'react'

/** A setting: what it is called, what it does, and its control. */
export function Line({
  label,
  hint,
  children,
}: {
  label: string
  hint?: string
  children: ReactNode
}) {
  return (
    <div className="setting">
      <div>
        <div>{label}</div>
        {hint !== undefined && <div className="small dim">{hint}</div>}
      </div>
      <div className="setting-value">{children}</div>
    </div>
  )
}
