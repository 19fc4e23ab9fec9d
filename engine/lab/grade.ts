import type { AnswerRule } from '../protocol/lab.ts'
import { z } from 'zod'
import type { Answer } from '../protocol/events.ts'
import { isCorrect, statement } from './check.ts'
import { readEach, type ReadEntry } from './json-lines.ts'
import { expectedOf, type Expected } from './problems.ts'

/** The verdict on one recorded text. */
export interface Grade {
  /** The answer that the text states. */
  stated: Answer | null
  /** Whether that answer equals the reference. */
  equal: boolean
  /** Whether the reference is a short answer; otherwise nothing equals it. */
  scored: boolean
}

const Recorded = z.looseObject({ text: z.string() })

/**
 * Grades recorded texts: JSON lines (or one JSON array), each with `text` and a reference as in a
 * problem set. A line that cannot be used has a `bad-request` in its place; `file` names the texts in
 * messages.
 */
export function gradesIn(file: string, content: string, rule: AnswerRule): ReadEntry<Grade>[] {
  return readEach(file, content, (value) => {
    const line = Recorded.parse(value)
    return grade({ text: line.text, expected: expectedOf(line) }, rule)
  })
}

function grade({ text, expected }: { text: string; expected: Expected }, rule: AnswerRule): Grade {
  const said = statement(text, rule, '')
  return {
    stated: said.answer,
    equal: isCorrect(expected, said),
    scored: expected.kind !== 'unscored',
  }
}

/** Returns the table of these grades: a row per kind of answer, then one for all texts. */
export function gradeTable(grades: readonly Grade[]): { head: string[]; rows: string[][] } {
  const row = (name: string, some: readonly Grade[]) => {
    const right = some.filter(({ equal }) => equal).length
    const share = some.length === 0 ? '' : ((100 * right) / some.length).toFixed(1)
    return [name, String(some.length), String(right), share]
  }
  const kinds = [...new Set(grades.map(({ stated }) => stated?.kind ?? 'none'))].sort()
  const unscored = grades.filter(({ scored }) => !scored).length
  return {
    head: ['stated', 'n', 'equal', '%'],
    rows: [
      ...kinds.map((kind) =>
        row(
          kind,
          grades.filter(({ stated }) => (stated?.kind ?? 'none') === kind),
        ),
      ),
      row('all', grades),
      ...(unscored === 0 ? [] : [['no short reference', String(unscored), '', '']]),
    ],
  }
}
