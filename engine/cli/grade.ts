import type { Command } from 'commander'
import type { AnswerRule } from '../protocol/lab.ts'
import type { Grade } from '../lab/index.ts'
import { addAnswerFlag } from './eval.ts'
import { table } from './table.ts'
import { print, readInput, refused, say } from './usage.ts'

/** Adds `braid grade`, which judges recorded texts without a model. */
export function addGrade(program: Command): void {
  addAnswerFlag(
    program
      .command('grade')
      .description('judge recorded texts: the answer that each states, and whether it is right')
      .argument(
        '<file>',
        'JSON lines {"text", "answer"}; answers as in a problem set of braid eval; - reads stdin',
      ),
  )
    .addHelpText(
      'after',
      '\nPrints one line per text: {"stated": {"text", "span", "kind"} or null, "equal": true or false}; a table goes to stderr. A line that cannot be used has {"error": {"code", "message"}} in its place.',
    )
    .action(async (file: string, { answer }: { answer: AnswerRule }) => {
      const content = await readInput(file)
      const { gradesIn, gradeTable } = await import('../lab/index.ts')
      const grades = gradesIn(file === '-' ? 'stdin' : file, content, answer)
      for (const one of grades)
        await print(`${JSON.stringify('error' in one ? refused(one.error) : verdict(one.value))}\n`)
      const { head, rows } = gradeTable(grades.flatMap((one) => ('value' in one ? one.value : [])))
      say(table(head, rows, new Set([1, 2, 3])).trimEnd())
    })
}

const verdict = ({ stated, equal }: Grade) => ({ stated, equal })
