import { searchWords } from '../../engine/protocol/search-words.ts'

/** Shows a text in which the words of a search are marked. */
export function Marked({ text, query }: { text: string; query: string }) {
  const words = searchWords(query).map(({ source }) => source)
  if (words.length === 0) return text
  // Split at a group, what matched stands at the odd places.
  return text
    .split(new RegExp(`(${words.join('|')})`, 'iu'))
    .map((part, i) => (i % 2 === 1 ? <mark key={i}>{part}</mark> : part))
}
