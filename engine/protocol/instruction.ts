import type { QuestionKind, RunSettings } from './request.ts'

/**
 * What a model that was not trained for parallel thinking is asked to do with its paths, by the kind
 * of the question and in its language. Trained models have a control token for that.
 */

export type Language = 'en' | 'zh'

/**
 * Returns the language in which a question's paths are introduced and its summary is asked for:
 * Chinese for a question with Han characters and no kana, otherwise English.
 */
export const languageOf = (question: string): Language =>
  /\p{Script=Han}/u.test(question) && !/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(question)
    ? 'zh'
    : 'en'

const INSTRUCTIONS: Record<Language, Record<QuestionKind, string>> = {
  en: {
    value:
      'Compare the attempts and decide which reasoning holds; where they disagree, find the mistake. Give the final answer in \\boxed{}. Answer in the language of the question.',
    text: 'Write one answer that stands on its own and is better than each of these: keep what is right, correct what is wrong, and leave nothing out that the question asks for. Write it for a reader who has not seen them, and do not mention attempts. Answer in the language of the question.',
    code: 'Write one complete program that solves the problem: take the best of these, correct its mistakes, and put all of the code into one code block. Do not mention attempts. Answer in the language of the question.',
  },
  zh: {
    value:
      '比较这些尝试，判断哪种推理成立；如果它们不一致，找出错误所在。把最终答案写在 \\boxed{} 中。',
    text: '写出一个独立完整、比以上每一个都更好的回答：保留正确的内容，改正错误，不遗漏问题所要求的任何部分。读者没有看过以上内容，不要提到“尝试”。',
    code: '写出一个解决该问题的完整程序：取以上最好的一个，改正其中的错误，把全部代码放在一个代码块中。不要提到“尝试”。',
  },
}

/** Returns the usual instruction for a question of this kind. */
export const instructionFor = (kind: QuestionKind, question: string): string =>
  INSTRUCTIONS[languageOf(question)][kind]

const IN_SCHEMA: Record<Language, string> = {
  en: 'Compare the attempts: keep what is right and correct what is wrong. Give the answer as JSON that fits this schema, and nothing else:\n',
  zh: '比较这些尝试：保留正确的内容，改正错误。只用符合以下模式的 JSON 作答，不要写其他内容：\n',
}

/** Returns the instruction that a run has for its summaries, whatever its question; undefined if it has none. */
export const ownInstruction = (
  { instruction, schema }: Pick<RunSettings, 'instruction' | 'schema'>,
  question: string,
): string | undefined =>
  instruction ?? (schema === undefined ? undefined : IN_SCHEMA[languageOf(question)] + schema)

const REFINING: Record<Language, string> = {
  en: 'Improve on the attempts: keep what is right and correct what is wrong; if all of them are wrong, solve the problem in another way. Write the whole answer so that it stands on its own, and do not mention attempts. Answer in the language of the question.',
  zh: '在这些尝试的基础上改进：保留正确的内容，改正错误；如果全部错误，就换一种方法重新解决。写出独立完整的回答，不要提到“尝试”。',
}
const REFINING_VALUE: Record<Language, string> = {
  en: ' Give the final answer in \\boxed{}.',
  zh: '把最终答案写在 \\boxed{} 中。',
}

/** Returns the usual instruction for a path that refines others, for a question of this kind. */
export function refiningFor(kind: QuestionKind, question: string): string {
  const language = languageOf(question)
  return REFINING[language] + (kind === 'value' ? REFINING_VALUE[language] : '')
}

const JUDGING: Record<Language, Record<QuestionKind, string>> = {
  en: {
    value:
      'Which attempt is more likely to give the right answer? Check the steps of both and say in at most four sentences where one of them goes wrong.',
    text: 'Which attempt answers the question better? Compare what is right, wrong and missing in both, in at most four sentences. Do not prefer one for its length alone.',
    code: 'Which program is more likely to be right? Go through typical and tricky inputs and say in at most four sentences where one of them goes wrong.',
  },
  zh: {
    value: '哪一次尝试更可能得出正确答案？检查两者的步骤，用最多四句话说明其中一个错在哪里。',
    text: '哪一次尝试更好地回答了问题？用最多四句话比较两者中正确、错误和遗漏的内容。篇幅长短本身不算优点。',
    code: '哪一个程序更可能正确？用典型和棘手的输入检查，用最多四句话说明其中一个错在哪里。',
  },
}
const VERDICT: Record<Language, string> = {
  en: ' Then end with one line, "Better: 1" or "Better: 2".',
  zh: '最后单独写一行“更好：1”或“更好：2”。',
}

/** Returns what a judge of two attempts is asked, for a question of this kind. judges.ts reads the verdict. */
export function judgingFor(kind: QuestionKind, question: string): string {
  const language = languageOf(question)
  return JUDGING[language][kind] + VERDICT[language]
}

/** Returns everything that a judge may be asked, for a size that holds for each of them. */
export const judgingInstructions = (): string[] =>
  (['en', 'zh'] as const).flatMap((language) =>
    Object.values(JUDGING[language]).map((words) => words + VERDICT[language]),
  )

const ANSWER: Record<Language, Record<QuestionKind, string>> = {
  en: {
    value: '\n\nFinal answer:',
    text: '\n\nFinal answer, complete and for a reader who has not seen the above:\n\n',
    code: '\n\nThe complete final program:\n\n',
  },
  zh: {
    value: '\n\n最终答案：',
    text: '\n\n最终的完整回答（读者没有看过以上内容）：\n\n',
    code: '\n\n完整的最终程序：\n\n',
  },
}

/** Returns the words behind a path of a model that does not think first, which introduce a merged answer. */
export const answerWords = (kind: QuestionKind, question: string): string =>
  ANSWER[languageOf(question)][kind]

/** Returns every usual instruction, for a size that holds for each of them. */
export const usualInstructions = (): string[] =>
  Object.values(INSTRUCTIONS).flatMap((byKind) => Object.values(byKind))

/** Returns every usual instruction for a path that refines others, likewise. */
export const refiningInstructions = (): string[] =>
  (['en', 'zh'] as const).map((language) => REFINING[language] + REFINING_VALUE[language])

/** The instruction of transcripts of format 1, which do not hold it. */
export const FORMAT1_INSTRUCTION =
  'Compare the attempts, decide which reasoning is right, and give the final answer in \\boxed{}.'
