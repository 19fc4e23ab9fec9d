import { languageOf, type Language } from '../protocol/instruction.ts'
import type { Asked } from './programs.ts'

/** Number of calls that a probe asks for. */
const CALLS = 12

const NAMES = { python: 'Python', javascript: 'JavaScript', typescript: 'TypeScript' }

interface Request {
  /** What stands before the question. */
  task: string
  /** Asks for inputs of a program that reads them. */
  inputs: string
  /** Asks for calls of a function; `signature` is how it is declared. */
  calls: (kind: string, name: string, signature: string | null) => string
}

/** Two inputs of another program: without examples, small models write programs that hold the inputs. */
const shown = (tag: string) =>
  ['3 17', '-5 0 5'].map((input) => `\`\`\`${tag}\n${input}\n\`\`\``).join('\n\n')

const REQUESTS: Record<Language, Request> = {
  en: {
    task: 'This is a programming task:',
    inputs: `A program for it exists and runs in a terminal. Write ${CALLS} different inputs that a user types to test typical and tricky cases, each in a text block of its own. For a program that adds the numbers of a line, two of them would be:\n\n${shown('text')}\n\nWrite such blocks for the task above, without code and without the outputs.`,
    calls: (kind, name, signature) =>
      `The ${kind} function \`${name}\`${signature === null ? '' : ` (\`${signature}\`)`} exists. Write ${CALLS} different calls of it that test typical and tricky inputs, one per line, with all arguments written out, such as \`${name}(...)\`. Do not write the function.`,
  },
  zh: {
    task: '这是一道编程题：',
    inputs: `解决它的程序已经写好，在终端中运行。请写出 ${CALLS} 个不同的输入，即用户键入的内容，用来测试典型和棘手的情况，每个输入放在单独的文本块中。例如，对于把一行中的数相加的程序，其中两个是：\n\n${shown('')}\n\n请为上面的题目写出这样的文本块，不要写代码，也不要写输出。`,
    calls: (kind, name, signature) =>
      `${kind} 函数 \`${name}\`${signature === null ? '' : `（\`${signature}\`）`}已经写好。请写出 ${CALLS} 个对它的不同调用，用来测试典型和棘手的输入，每行一个，写全所有参数，例如 \`${name}(...)\`。不要写出函数本身。`,
  },
}

/**
 * Returns what a model is asked to get calls or inputs for the programs of a question, in the
 * question's language and as one user's turn; null if there is nothing to call.
 */
export function probeRequest(question: string, asked: Asked): string | null {
  const { language, function: name, signature } = asked
  if (language === null) return null
  const { task, inputs, calls } = REQUESTS[languageOf(question)]
  const request = name === null ? inputs : calls(NAMES[language], name, signature)
  return `${task}\n\n${question.trim()}\n\n${request}`
}
