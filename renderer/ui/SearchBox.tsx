import { Search } from 'lucide-react'

/** A field to search in. `onEnter`: what Enter does beyond what each change does. */
export function SearchBox({
  label,
  value,
  onChange,
  onEnter,
}: {
  label: string
  value: string
  onChange(text: string): void
  onEnter?: () => void
}) {
  return (
    <div className="search-box">
      <Search size={14} aria-hidden />
      <input
        className="input"
        type="search"
        value={value}
        placeholder={label}
        aria-label={label}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onEnter?.()
        }}
      />
    </div>
  )
}
