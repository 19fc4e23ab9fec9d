import { readLiteral, sameLiteral, withNumbers } from './answers/literals.ts'
import { isResult } from './consensus.ts'
import {
  MAX_RESULT_CHARS,
  type Agreement,
  type CallRecord,
  type Outcome,
  type ProgramLanguage,
  type ProgramRecord,
  type Reason,
} from './programs.ts'
import { samePrinted, sameValue } from './results.ts'

export * from './programs.ts'
export * from './results.ts'

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

/** Returns whether an outcome is the expected result, which is a literal or printed text. */
export function meets(
  outcome: Outcome,
  expected: string,
  language: ProgramLanguage | null,
): boolean {
  if ('printed' in outcome) return samePrinted(outcome.printed, expected)
  const text = 'value' in outcome ? outcome.value : 'changed' in outcome ? outcome.changed : null
  if (text === null) return false
  if (sameValue(text, expected)) return true
  const meaning = (of: string) => {
    const literal = readLiteral(of)
    return literal !== null && language === 'python' ? withNumbers(literal) : literal
  }
  const [value, wanted] = [meaning(text), meaning(expected)]
  return value !== null && wanted !== null && sameLiteral(value, wanted)
}

/**
 * Counts agreement and chooses the winner. Programs that miss fewer expected results come first, then
 * those with more agreement, then those that are not cut off, then the higher score, then the lowest
 * index. Errors and abstentions agree with nothing; an error misses an expected result, an abstention
 * does not. What the question states and no program gives is taken for misread: nobody misses it, so
 * that a program which abstains there does not win by that. Without at least two programs that have a
 * result, nobody wins.
 */
export function choose(
  calls: readonly CallRecord[],
  programs: readonly ProgramRecord[],
): Pick<Agreement, 'programs' | 'winner' | 'why'> {
  const languages = programs.map(({ language }) => language)
  const believed = calls.map(
    (call) =>
      call.from === 'user' ||
      call.cells.some((cell, i) => cell !== null && isMet(call, cell, languages[i] ?? null)),
  )
  const counted = programs.map((program, i): ProgramRecord => {
    let [agreement, ran, missed] = [0, 0, 0]
    for (const [at, call] of calls.entries()) {
      const { outcomes, cells } = call
      const cell = cells[i]
      if (cell === null || cell === undefined) continue
      const outcome = outcomes[cell]!
      if ('abstained' in outcome) continue
      if (believed[at] && !isMet(call, cell, program.language)) missed++
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
        Number(a.cut ?? false) - Number(b.cut ?? false) ||
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

/** Returns whether an outcome of a call is the expected one, if one is expected. */
const isMet = (
  { outcomes, expected }: CallRecord,
  cell: number,
  language: ProgramLanguage | null,
): boolean => expected === undefined || meets(outcomes[cell]!, expected, language)
