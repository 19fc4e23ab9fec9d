import type { CallRecord } from '../protocol/agreement.ts'
import { outcomeText } from '../protocol/consensus.ts'
import type { Language } from '../protocol/instruction.ts'
import type { AgreementState, Segment } from '../protocol/run-state.ts'

/** The most answers that are told, and the most bytes of one of them. */
const ANSWERS = 4
const BYTES = 40

const SENTENCE: Record<Language, (list: string) => string> = {
  en: (list) => `Answers that the attempts state, with how many state them: ${list}.`,
  zh: (list) => `各次尝试给出的答案及次数：${list}。`,
}

/**
 * Returns a sentence that tells how often each answer is stated, as a hint for the summary;
 * undefined if fewer than two paths state a short one.
 */
export async function countsOf(
  paths: readonly Segment[],
  language: Language,
): Promise<string | undefined> {
  const { statements } = await import('../protocol/answers/statements.ts')
  const { vote } = await import('../protocol/answers/vote.ts')
  const { classes } = vote(statements(paths), 'equality')
  const stated = classes.flatMap(({ answer, members }) =>
    answer === null || Buffer.byteLength(answer) > BYTES ? [] : [{ answer, members }],
  )
  if (stated.reduce((sum, { members }) => sum + members.length, 0) < 2) return undefined
  const list = stated.slice(0, ANSWERS).map(({ answer, members }) => {
    const line = answer.replace(/\s+/g, ' ')
    return language === 'zh' ? `${line}（${members.length} 次）` : `${line} (${members.length})`
  })
  return SENTENCE[language](list.join(language === 'zh' ? '；' : '; '))
}

/** The most calls that are told. */
const CALLS = 8

const RESULTS: Record<Language, string> = {
  en: 'The programs of the attempts were run. They return:',
  zh: '运行了各次尝试的程序，返回：',
}
const EXPECTED: Record<Language, (value: string) => string> = {
  en: (value) => `; expected is ${value}`,
  zh: (value) => `；应为 ${value}`,
}

/**
 * Returns what the programs of these paths return, one line per call, as a hint for the summary: first
 * the calls whose results are known, then those about which the programs differ; undefined if nothing
 * was compared.
 */
export function resultsOf(
  agreement: AgreementState | null,
  paths: readonly Segment[],
  language: Language,
): string | undefined {
  if (agreement === null || agreement.winner === null) return undefined
  const { of, calls } = agreement
  const numbers = new Map(paths.map(({ segment }, i) => [of.indexOf(segment), i + 1]))
  const first = ({ expected, outcomes }: CallRecord) =>
    (expected === undefined ? 0 : 2) + (outcomes.length > 1 ? 1 : 0)
  const told = [...calls]
    .sort((a, b) => first(b) - first(a))
    .slice(0, CALLS)
    .flatMap((call) => callLine(call, numbers, language) ?? [])
  return told.length === 0 ? undefined : [RESULTS[language], ...told].join('\n')
}

function callLine(
  { text, outcomes, cells, expected }: CallRecord,
  numbers: ReadonlyMap<number, number>,
  language: Language,
): string | undefined {
  const results = outcomes.flatMap((outcome, cell) => {
    const attempts = cells.flatMap((one, i) => (one === cell ? (numbers.get(i) ?? []) : []))
    if (attempts.length === 0 || 'abstained' in outcome) return []
    const [value, list] = [short(outcomeText(outcome)), attempts.join(', ')]
    return language === 'zh' ? `${value}（尝试 ${list}）` : `${value} (attempts ${list})`
  })
  if (results.length === 0) return undefined
  const wanted = expected === undefined ? '' : EXPECTED[language](short(expected))
  return `${short(text)}: ${results.join('; ')}${wanted}`
}

function short(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > BYTES ? `${line.slice(0, BYTES - 1)}…` : line
}
