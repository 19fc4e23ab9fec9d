/** What Markdown, formulas or links could begin with; also spaces and blank lines that Markdown would leave out. */
const MARKUP =
  /[*_`~[<\\$&|@\t\r\0]|https?:|www\.|^ {0,3}(?:[-+#>=]|\d+[.)])|^ {4}|\n | \n|\n\s*\n/im

/** Prose: formatted it would look as it does plain, which needs no formatter to know. Not all texts of which this is true. */
export const isProse = (text: string): boolean => !MARKUP.test(plainOf(text).text)

/** A block as it is drawn without formatting: without the blank lines around it, and the few spaces that do not indent. `lead`: what was left out before it. */
export function plainOf(text: string): { text: string; lead: number } {
  const lead = /^\s*\n|^/.exec(text)![0].length
  const spaces = / {0,3}(?! )/y
  spaces.lastIndex = lead
  const start = lead + (spaces.exec(text)?.[0].length ?? 0)
  return { text: text.slice(start).replace(/[ \t\n]+$/, ''), lead: start }
}
