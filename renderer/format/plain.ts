/** A block as it is drawn without formatting: without the blank lines around it, and the few spaces that do not indent. `lead`: what was left out before it. */
export function plainOf(text: string): { text: string; lead: number } {
  const lead = /^\s*\n|^/.exec(text)![0].length
  const spaces = / {0,3}(?! )/y
  spaces.lastIndex = lead
  const start = lead + (spaces.exec(text)?.[0].length ?? 0)
  return { text: text.slice(start).trimEnd(), lead: start }
}
