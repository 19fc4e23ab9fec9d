import stringWidth from 'string-width'
import { printable } from '../protocol/controls.ts'

/**
 * Formats columns as wide as their widest cell; the columns in `right` are aligned to the right.
 */
export function table(
  head: string[],
  rows: string[][],
  right: ReadonlySet<number> = new Set(),
): string {
  const all = [head, ...rows].map((row) => row.map((cell) => printable(cell).replace(/\s+/g, ' ')))
  const widths = head.map((_, i) => Math.max(...all.map((row) => stringWidth(row[i] ?? ''))))
  const pad = (cell: string, i: number) => {
    const space = ' '.repeat(widths[i]! - stringWidth(cell))
    return right.has(i) ? space + cell : cell + space
  }
  return all.map((row) => row.map(pad).join('  ').trimEnd()).join('\n') + '\n'
}
