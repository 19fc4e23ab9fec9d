/** Reads the words of an answer: names of values, numbers, and any other text. */

const SYMBOL = String.raw`(?:[a-zA-Z]|\\[a-zA-Z]+)`
const INDEX = String.raw`(?:\s*_\s*(?:\{[^{}]*\}|\w))?'*(?:\s*\^\s*\\prime)?`
const NAMES = [
  new RegExp(String.raw`^(?:${SYMBOL}|[A-Z][a-z]*)${INDEX}(?:\s*[([][^()[\]]*[)\]])?$`),
  /^\\text\s*\{[^{}]*\}(?:\s*_\s*(?:\{[^{}]*\}|\w))?$/,
  /^[a-zA-Z]{3,}(?:\s[a-zA-Z]+){0,6}$/,
  /^m?\s*\\(?:angle|measuredangle|triangle|overline|widehat|arc)\s*\{?\s*[A-Za-z]{1,4}\s*\}?$/,
  /^\\[dt]?frac\s*\{\s*d(?:\^\{?\d\}?)?\s*\w?\s*\}\s*\{\s*d\s*\w(?:\^\{?\d\}?)?\s*\}$/,
  /^d[a-z]\/d[a-z]$/,
  /^\(\s*[a-z](?:_\{?\w\}?)?(?:\s*,\s*[a-z](?:_\{?\w\}?)?)+\s*\)$/,
]
/** Sums and products of letters, which name a constant: AB = 12, m + n = 7. */
const LETTERS = /^[a-zA-Z](?:\s*[-+*]?\s*[a-zA-Z])*$/

/** Returns whether a text names a value; `constant`: the value is a constant. */
export const isName = (text: string, constant: boolean): boolean =>
  NAMES.some((name) => name.test(text)) || (constant && LETTERS.test(text))

const NUMBER_WORDS = new Map(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'
    .split(' ')
    .map((word, i): [string, bigint] => [word, BigInt(i)]),
)
'thirty forty fifty sixty seventy eighty ninety hundred'
  .split(' ')
  .forEach((word, i) => NUMBER_WORDS.set(word, BigInt(10 * (i + 3))))

/** Returns the number that words name: twelve, twenty-one. */
export function numberIn(text: string): bigint | null {
  const [tens, ones, ...more] = text.toLowerCase().split(/[\s-]+/)
  const first = NUMBER_WORDS.get(tens!)
  if (first === undefined || more.length > 0) return null
  if (ones === undefined) return first
  const second = NUMBER_WORDS.get(ones)
  return second !== undefined && second > 0n && second < 10n && first >= 20n && first < 100n
    ? first + second
    : null
}

/** Returns the text by which an answer that cannot be read as mathematics is compared. */
export function plainText(text: string): string {
  const flat = text
    .normalize('NFKC')
    .replace(/\\text\s*\{([^{}]*)\}/g, '$1')
    .replace(/^(?:the|an?)\s+/i, '')
    .replace(/_\{(\w+)\}/g, '_$1')
    .replace(/\^\{(\w)\}/g, '^$1')
    .replace(/\\[dt]frac/g, '\\frac')
    .replace(/[.,;:!]+$/, '')
  // An index is often left out: H_2O, H2O.
  const words = /^[\p{L}\p{N}\s_'.,-]*$/u.test(flat)
  return words
    ? flat
        .toLowerCase()
        .replace(/(?<=\p{L})_(?=\d)/gu, '')
        .replace(/\s+/g, '')
    : flat.replace(/\s+/g, '')
}
