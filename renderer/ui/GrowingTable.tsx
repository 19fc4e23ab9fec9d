import { useRef, type ReactElement } from 'react'
import { useFormatted } from '../format/useFormatted.tsx'

/** The row below the heads of a table: "|---|:-:|". */
const RULE = /^[ \t]*\|?[ \t:|-]*-[ \t:|-]*$/

/**
 * Returns the length of the whole lines of a growing text if they hold a table from its second row on; otherwise 0.
 */
export function rowsIn(text: string): number {
  if (!text.includes('|')) return 0
  const lines = text.split('\n').slice(0, -1)
  const table = lines.some(
    (line, i) => line.includes('|') && RULE.test(line) && lines[i - 1]?.includes('|') === true,
  )
  return table ? text.lastIndexOf('\n') + 1 : 0
}

/** The whole rows of a table that grows, drawn as one. The table before a new row stays until that is drawn. */
export function GrowingTable({ text }: { text: string }) {
  const formatted = useFormatted(text, null)
  const drawn = useRef<ReactElement>(null)
  drawn.current = formatted ?? drawn.current
  return drawn.current === null ? (
    <div className="block plain" dir="auto">
      {text}
    </div>
  ) : (
    <div className="block md" dir="auto">
      {drawn.current}
    </div>
  )
}
