import { basename } from 'node:path'
import { z } from 'zod'
import { findAbove } from '../programs/index.ts'
import type { LabFields, LabSet } from '../protocol/lab.ts'
import { isCorrect, statement } from './check.ts'
import { readEntries } from './json-lines.ts'
import {
  answerField,
  problemField,
  problemsIn,
  readSet,
  unscoredIn,
  type Problem,
} from './problems.ts'

const SHOWN = 3
const MAX_SHOWN = 2000

/**
 * Returns the paths of Braid's own sets: 40 everyday problems with numeric answers, and 40 of the
 * numbers game, for the model that plays nothing else.
 */
export const ownSets = (): string[] =>
  ['everyday-40.jsonl', 'numbers-40.jsonl'].flatMap((name) => findAbove('models', name) ?? [])

/** Returns what a problem set holds. Throws the errors of `readProblems`. */
export function inspectSet(file: string, fields: LabFields = {}): LabSet {
  const bytes = readSet(file)
  const lines = readEntries(file, bytes.toString('utf8'), (value) =>
    z.record(z.string(), z.unknown(), 'not an object').parse(value),
  )
  const set = problemsIn(file, bytes, fields)
  const { problems } = set
  // Those that cannot be scored are what one wants to see.
  const shown = [
    ...problems.filter(({ expected }) => expected.kind === 'unscored').slice(0, 1),
    ...problems.filter(({ expected }) => expected.kind !== 'unscored'),
  ].slice(0, SHOWN)
  return {
    file,
    name: basename(file),
    problems: problems.length,
    found: Object.keys(lines[0]!),
    problemField: problemField(lines[0]!, fields),
    answerField: answerField(lines[0]!, fields) ?? 'numbers, target',
    unscored: unscoredIn(set),
    samples: shown
      .sort((a, b) => a.index - b.index)
      .map((problem) => ({
        problem: problem.index,
        text: problem.problem.slice(0, MAX_SHOWN),
        expected: expectedText(problem),
        scores: scoringWorks(problem),
      })),
  }
}

/** Returns what is expected, in words; null if the problem cannot be scored. */
export function expectedText({ expected }: Problem): string | null {
  switch (expected.kind) {
    case 'answer':
      return expected.answer
    case 'numbers':
      return `${expected.numbers.join(', ')} = ${expected.target}`
    case 'unscored':
      return null
  }
}

/** Returns whether a text with the right answer is judged right, and one with another answer wrong. */
function scoringWorks({ expected }: Problem): boolean {
  const says = (answer: string) =>
    isCorrect(expected, statement(`So the answer is \\boxed{${answer}}.`, 'stated', ''))
  switch (expected.kind) {
    case 'answer':
      return says(expected.answer) && !says(`${expected.answer} and 7919`)
    case 'numbers': {
      // A solution is not known, but the sum of all numbers is one only if it is the target.
      const { numbers, target } = expected
      return says(numbers.join(' + ')) === (numbers.reduce((a, b) => a + b, 0) === target)
    }
    case 'unscored':
      return false
  }
}
