/**
 * Scores how well a name matches the typed text: the whole name, its start, start of a word, anywhere, every typed
 * word somewhere; 0 if it does not match.
 */
export function match(name: string, typed: string): number {
  const [text, query] = [name.toLowerCase(), typed.trim().toLowerCase()]
  if (query === '') return 1
  if (text === query) return 5
  if (text.startsWith(query)) return 4
  const at = text.indexOf(query)
  if (at > 0) return /[\s:(-]/.test(text[at - 1]!) ? 3 : 2
  return query.split(/\s+/).every((word) => text.includes(word)) ? 1 : 0
}
