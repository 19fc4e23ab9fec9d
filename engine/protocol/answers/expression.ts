import { valuesAt } from './evaluate.ts'
import { folded } from './exact.ts'
import { parseExpression, type Node } from './latex.ts'
import type { Relation, Value } from './meaning.ts'

/** Reads expressions, and compares two of them with a relation. */

/** Letters alone are words, but for products of x, y and z and the names of functions. */
const WORDS =
  /^(?![xyz\s]+$|pi$|(?:sin|cos|tan|ln|log)\s)[a-zA-Z]{2,}$|^[a-zA-Z]+(?:\s+[a-zA-Z]{2,})+$|^[a-zA-Z]{2,}(?:\s+[a-zA-Z]+)+$/

/** Returns the values of an expression; nothing if the text is none. */
export function expression(text: string): Value[] {
  if (WORDS.test(text) && !/^(?:sin|cos|tan|ln|log|sqrt)\s/.test(text)) return []
  try {
    const node = folded(parseExpression(text))
    if (node.type === 'number') {
      const { numerator, denominator } = node
      return [{ kind: 'exact', numerator, denominator }]
    }
    const degrees = /\\circ/.test(text)
    return (degrees ? (['pi/180', '1'] as const) : (['pi/180'] as const)).flatMap((degree) => {
      const values = valuesAt(node, degree)
      return values === null ? [] : [{ kind: 'expression' as const, values }]
    })
  } catch {
    return [] // not a supported expression: compared as text
  }
}

/** Returns `left` - `right` with its relation to 0; nothing if it has no variable. */
export function relation(left: string, right: string, sign: Relation): Value[] {
  try {
    const node: Node = {
      type: 'call',
      name: 'subtract',
      args: [parseExpression(left), parseExpression(right)],
    }
    const values = valuesAt(folded(node), 'pi/180')
    return values === null || values.length === 1
      ? []
      : [{ kind: 'relation', relation: sign, values }]
  } catch {
    return []
  }
}
