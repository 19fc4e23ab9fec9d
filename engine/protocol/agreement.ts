import { readLiteral, sameLiteral, withNumbers, type Literal } from './answers/literals.ts'
import {
  MAX_RESULT_CHARS,
  type Agreement,
  type CallRecord,
  type Outcome,
  type ProgramLanguage,
  type ProgramRecord,
  type Reason,
} from './programs.ts'

export * from './programs.ts'

/**
 * Programs that agree: candidate programs run on the same calls, and the one whose results agree
 * most with the others' is the answer (docs/method.md). This file is the rule that chooses, so that
 * the page can apply it again; programs.ts is what a transcript records.
 */

/**
 * Returns a text of at most `most` characters. A longer one keeps its beginning, its length and a
 * hash, so that texts that differ still do.
 */
export function bounded(text: string, most: number): string {
  if (text.length <= most) return text
  let hash = 0x811c9dc5 // FNV-1a
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  const tail = `… (${text.length} characters, ${(hash >>> 0).toString(16).padStart(8, '0')})`
  return text.slice(0, most - tail.length).replace(/[\ud800-\udbff]$/, '') + tail
}

/** Returns an outcome whose text is as long as a record may hold. */
export function boundedOutcome(outcome: Outcome): Outcome {
  const [[kind, said]] = Object.entries(outcome) as [[string, string | Reason]]
  if (typeof said !== 'string') return outcome
  return { [kind]: bounded(said, MAX_RESULT_CHARS) } as Outcome
}

/** Returns whether an outcome is a result, which can agree with others. */
export const isResult = (outcome: Outcome): outcome is { value: string } | { printed: string } =>
  'value' in outcome || 'printed' in outcome

/** Groups outcomes that are equal. Returns one of each group, and each outcome's position there. */
export function groupOutcomes(all: readonly (Outcome | null)[]): {
  outcomes: Outcome[]
  cells: (number | null)[]
} {
  const groups: { outcome: Outcome; meaning: Literal | null }[] = []
  const cells = all.map((outcome) => {
    if (outcome === null) return null
    const meaning = 'value' in outcome ? readLiteral(outcome.value) : null
    const found = groups.findIndex((group) => equalOutcomes(group, { outcome, meaning }))
    return found >= 0 ? found : groups.push({ outcome, meaning }) - 1
  })
  return { outcomes: groups.map(({ outcome }) => outcome), cells }
}

type Meant = { outcome: Outcome; meaning: Literal | null }

function equalOutcomes({ outcome: a, meaning }: Meant, { outcome: b, meaning: other }: Meant) {
  if ('value' in a && 'value' in b)
    return (
      a.value === b.value || (meaning !== null && other !== null && sameLiteral(meaning, other))
    )
  if ('printed' in a && 'printed' in b) return samePrinted(a.printed, b.printed)
  if ('error' in a && 'error' in b) return sameReason(a.error, b.error)
  return 'abstained' in a && 'abstained' in b && sameReason(a.abstained, b.abstained)
}

const sameReason = (a: string | Reason, b: string | Reason): boolean =>
  typeof a === 'string' || typeof b === 'string' ? a === b : a.code === b.code && a.name === b.name

const FRACTION = /^[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?$/

/**
 * Returns whether two printed texts are equal, apart from white space at the ends of lines and of
 * the text; numbers with a fraction are equal to 1e-9.
 */
export function samePrinted(a: string, b: string): boolean {
  const [ours, theirs] = [a, b].map((text) => text.trimEnd().split(/[^\S\n]*\r?\n/))
  return (
    ours!.length === theirs!.length &&
    ours!.every((line, i) => {
      if (line === theirs![i]) return true
      const [words, others] = [line, theirs![i]!].map((one) => one.split(/(\s+)/))
      return (
        words!.length === others!.length &&
        words!.every((word, j) => {
          const other = others![j]!
          if (word === other) return true
          if (!FRACTION.test(word) || !FRACTION.test(other)) return false
          return sameLiteral(readLiteral(word)!, readLiteral(other)!)
        })
      )
    })
  )
}

/** A sandbox writes nine significant digits of a fraction. */
const WRITTEN = 1e-8

/** Returns whether an outcome is the expected result, which is a literal or printed text. */
export function meets(
  outcome: Outcome,
  expected: string,
  language: ProgramLanguage | null,
): boolean {
  if ('printed' in outcome) return samePrinted(outcome.printed, expected)
  if (!('value' in outcome)) return false
  if (outcome.value === expected) return true
  const meaning = (text: string) => {
    const literal = readLiteral(text)
    return literal !== null && language === 'python' ? withNumbers(literal) : literal
  }
  const [value, wanted] = [meaning(outcome.value), meaning(expected)]
  return value !== null && wanted !== null && sameLiteral(value, wanted, WRITTEN)
}

/**
 * Counts agreement and chooses the winner. Programs that miss fewer expected results come first,
 * then those with more agreement, then the higher score, then the lowest index. Errors and
 * abstentions agree with nothing; an error misses an expected result, an abstention does not. Without
 * at least two programs that have a result, nobody wins.
 */
export function choose(
  calls: readonly CallRecord[],
  programs: readonly ProgramRecord[],
): Pick<Agreement, 'programs' | 'winner' | 'why'> {
  const counted = programs.map((program, i): ProgramRecord => {
    let [agreement, ran, missed] = [0, 0, 0]
    for (const { outcomes, cells, expected } of calls) {
      const cell = cells[i]
      if (cell === null || cell === undefined) continue
      const outcome = outcomes[cell]!
      if ('abstained' in outcome) continue
      if (expected !== undefined && !meets(outcome, expected, program.language)) missed++
      if (!isResult(outcome)) continue
      ran++
      agreement += cells.filter((other) => other === cell).length - 1
    }
    return { ...program, agreement, ran, missed }
  })
  const ranked = counted
    .map((program, index) => ({ ...program, index }))
    .filter(({ ran }) => ran > 0)
    .sort(
      (a, b) =>
        a.missed - b.missed ||
        b.agreement - a.agreement ||
        (b.score ?? -Infinity) - (a.score ?? -Infinity) ||
        a.index - b.index,
    )
  const held = programs.filter(({ source }) => source !== '').length
  const why =
    held === 0
      ? 'no-programs'
      : held === 1
        ? 'one-program'
        : calls.length === 0
          ? 'no-calls'
          : ranked.length === 0
            ? 'no-results'
            : ranked.length === 1
              ? 'one-program'
              : null
  return { programs: counted, winner: why === null ? ranked[0]!.index : null, why }
}
