const TOKEN = /\s*(\d+(?:\.\d+)?|[-+*/()])/y
const LONGEST = 200

/** The value of plain arithmetic: numbers, + - * / and parentheses, to twelve digits. null: it is something else, or has no value. */
export function valueOf(text: string): number | null {
  const tokens = tokensOf(text)
  if (tokens === null) return null
  let at = 0
  const sum = (): number => {
    let left = product()
    while (tokens[at] === '+' || tokens[at] === '-') left = tokens[at++] === '+' ? left + product() : left - product()
    return left
  }
  const product = (): number => {
    let left = factor()
    while (tokens[at] === '*' || tokens[at] === '/') left = tokens[at++] === '*' ? left * factor() : left / factor()
    return left
  }
  const factor = (): number => {
    const token = tokens[at++]
    if (token === '-') return -factor()
    if (token !== '(') return token === undefined ? NaN : Number(token)
    const inner = sum()
    return tokens[at++] === ')' ? inner : NaN
  }
  const value = sum()
  return at === tokens.length && Number.isFinite(value) ? Number(value.toPrecision(12)) : null
}

/** Equal as arithmetic or as text. */
export const sameAnswer = (a: string, b: string): boolean => a.trim() === b.trim() || (valueOf(a) ?? a) === (valueOf(b) ?? b)

function tokensOf(text: string): string[] | null {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.length > LONGEST) return null
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  for (let match = TOKEN.exec(trimmed); match !== null; match = TOKEN.exec(trimmed)) {
    tokens.push(match[1]!)
    if (TOKEN.lastIndex === trimmed.length) return tokens
  }
  return null
}
