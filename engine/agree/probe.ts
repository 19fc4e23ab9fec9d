import type { Asked } from './programs.ts'

/** Number of calls that a probe asks for. */
const CALLS = 12

const NAMES = { python: 'Python', javascript: 'JavaScript', typescript: 'TypeScript' }

/**
 * Returns what a model is asked to get calls or inputs for the programs of a question, as one user's
 * turn; null if there is nothing to call.
 */
export function probeRequest(question: string, asked: Asked): string | null {
  const { language, function: name, signature } = asked
  if (language === null) return null
  const task = `This is a programming task:\n\n${question.trim()}\n\n`
  if (name === null)
    return `${task}A program for it exists. Write ${CALLS} different inputs of it that test typical and tricky cases, each in a code block of its own, without the outputs.`
  const declared = signature === null ? '' : ` (\`${signature}\`)`
  return `${task}The ${NAMES[language]} function \`${name}\`${declared} exists. Write ${CALLS} different calls of it that test typical and tricky inputs, one per line, with all arguments written out, such as \`${name}(...)\`. Do not write the function.`
}
