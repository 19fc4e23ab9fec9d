import type { QuestionKind } from './request.ts'

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
