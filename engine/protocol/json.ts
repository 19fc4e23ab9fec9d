/** JSON that another program wrote. */

/** Nothing that Braid reads or writes nests deeper; what serialises a value may exhaust the stack beyond it. */
export const MAX_DEPTH = 64

const [QUOTE, BACKSLASH] = [0x22, 0x5c]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

export class NestsTooDeep extends SyntaxError {
  constructor() {
    super(`it nests more than ${MAX_DEPTH} levels deep.`)
  }
}

/**
 * Returns the value of a JSON text. Throws a `SyntaxError` for text that is not JSON, and
 * `NestsTooDeep`, before anything is parsed, for text that nests deeper than `MAX_DEPTH`.
 */
export function parseJson(text: string): unknown {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = endOfString(text, i)
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) throw new NestsTooDeep()
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--
  }
  return JSON.parse(text)
}

/** Returns the index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}
