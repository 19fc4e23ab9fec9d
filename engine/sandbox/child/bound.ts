import { createHash } from 'node:crypto'
import type { Reason } from '../../protocol/programs.ts'
import type { Outcome } from '../job.ts'

/** Characters of a value or of what was printed that leave the sandbox; a longer text ends in its digest. */
const SHOWN = 16_384
const MESSAGE = 400

/**
 * Returns an outcome of bounded size, whatever a program put into it. Equal texts stay equal and different ones
 * different. Spaces at line ends and empty lines at the end of what is printed do not count.
 */
export function bound(outcome: Outcome): Outcome {
  if ('value' in outcome) return { value: digest(String(outcome.value)) }
  if ('changed' in outcome) return { changed: digest(String(outcome.changed)) }
  if ('printed' in outcome) {
    const lines = String(outcome.printed).split('\n')
    return {
      printed: digest(
        lines
          .map((line) => line.trimEnd())
          .join('\n')
          .trimEnd(),
      ),
    }
  }
  if ('abstained' in outcome) return { abstained: boundReason(outcome.abstained) }
  const { error } = outcome
  return {
    error: error instanceof Object ? boundReason(error) : String(error).slice(0, MESSAGE),
  }
}

/** Returns a reason that fits its schema, whatever a program wrote in its place. */
function boundReason(given: unknown): Reason {
  const { code, name } = Object(given) as { code?: unknown; name?: unknown }
  return {
    code: String(code).slice(0, 64),
    ...(name !== undefined && { name: String(name).slice(0, 200) }),
  }
}

const FRACTION = /(?<![\d.])\d+\.\d+(?:e[-+]?\d+)?/g

/** A digest knows no tolerance: in a text that needs one, fractions have nine significant digits. */
function digest(given: string): string {
  if (given.length <= SHOWN) return given
  const text = given.replace(FRACTION, (digits) => String(Number(Number(digits).toPrecision(9))))
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return `${text.slice(0, SHOWN)}… (${text.length} characters, sha256 ${hash})`
}
