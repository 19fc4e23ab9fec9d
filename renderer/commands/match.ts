/** How well a name answers what was typed: the name's beginning, a word's beginning, anywhere, every typed word somewhere; 0: not at all. */
export function match(name: string, typed: string): number {
  const [text, query] = [name.toLowerCase(), typed.trim().toLowerCase()]
  if (query === '') return 1
  if (text.startsWith(query)) return 4
  const at = text.indexOf(query)
  if (at > 0) return /[\s:(-]/.test(text[at - 1]!) ? 3 : 2
  return query.split(/\s+/).every((word) => text.includes(word)) ? 1 : 0
}
