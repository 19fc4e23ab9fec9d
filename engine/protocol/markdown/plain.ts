import type { Root } from 'hast'

/** Characters that can start Markdown, a formula or a link, and spaces and blank lines that Markdown would drop. */
const MARKUP =
  /[*_`~[<\\$&|@\t\r\0]|https?:|www\.|^ {0,3}(?:[-+#>=]|\d+[.)])|^ {4}|\n | \n|\n\s*\n/im

/** Returns true only for texts that look the same formatted; some of those are missed, since no formatter is asked. */
export const isProse = (text: string): boolean => !MARKUP.test(plainOf(text).text)

/**
 * Returns a block as it is drawn unformatted: without blank lines around it and without spaces that do not indent.
 * `lead`: characters dropped at its start.
 */
export function plainOf(text: string): { text: string; lead: number } {
  const lead = /^\s*\n|^/.exec(text)![0].length
  const spaces = / {0,3}(?! )/y
  spaces.lastIndex = lead
  const start = lead + (spaces.exec(text)?.[0].length ?? 0)
  return { text: text.slice(start).replace(/[ \t\n]+$/, ''), lead: start }
}

/** Returns whether the tree looks like the plain text: one paragraph without markup. */
export function isPlain(tree: Root, text: string): boolean {
  const [only, ...others] = tree.children
  if (others.length > 0 || only?.type !== 'element' || only.tagName !== 'p') return false
  const [child, ...more] = only.children
  return more.length === 0 && child?.type === 'text' && child.value === plainOf(text).text
}
