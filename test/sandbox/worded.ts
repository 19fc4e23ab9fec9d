import type { Outcome } from '../../engine/sandbox/index.ts'
import { reasonText } from '../../engine/protocol/wording.ts'

/** Returns an outcome with its reason in English. */
export function worded(outcome: Outcome): Record<string, string> {
  const [[kind, said]] = Object.entries(outcome) as [[string, string | { code: string }]]
  return { [kind]: typeof said === 'string' ? said : reasonText(said) }
}
