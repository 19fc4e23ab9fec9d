import type { Language } from '../protocol/instruction.ts'
import type { Segment } from '../protocol/run-state.ts'

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
