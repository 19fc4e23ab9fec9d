/** UTF-16 units of a query that count. */
const MAX_QUERY = 1024

/** Returns the words of a search, each as a pattern that ignores case. A text matches if it has all of them. */
export const searchWords = (query: string): RegExp[] =>
  query
    .slice(0, MAX_QUERY)
    .normalize('NFC')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => new RegExp(word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'iu'))
