import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isCorrect, statement } from '../../engine/lab/check.ts'
import { readProblems, unscoredIn, unscoredNote, type Expected } from '../../engine/lab/problems.ts'
import { extractAnswer } from '../../engine/prompt/answer.ts'

const says = (expected: Expected, text: string) =>
  isCorrect(expected, { text, answer: extractAnswer(text) })
const game: Expected = { kind: 'numbers', numbers: [20, 18, 13, 40], target: 66 }

describe('isCorrect', () => {
  it.each([
    ['25', '025'],
    ['27', '27.0'],
    ['\\frac{14}{3}', '14/3'],
    ['0.5', '\\frac12'],
    ['1,242', '1242.00'],
    ['p - q', 'p - q'],
  ])('%s for %s', (said, wanted) => {
    expect(says({ kind: 'answer', answer: wanted }, `So it is \\boxed{${said}}.`)).toBe(true)
  })
  it.each([
    ['26', '25'],
    ['-27', '27.0'],
    ['', '4'],
  ])('%j is not %s', (said, wanted) =>
    expect(says({ kind: 'answer', answer: wanted }, `\\boxed{${said}}`)).toBe(false),
  )

  it.each([
    '<summary> Path 3 solved it: 20 - 18 = 2, 2 * 13 = 26, 26 + 40 = 66. \\boxed{((20 - 18) * 13) + 40}.</summary>',
    '\\boxed{20 - 18 = 2, 2 * 13 = 26, 26 + 40 = 66}',
    '<think3>\nTry 20 - 18 = 2 | 13 40\n2 * 13 = 26 | 40\nSolved: 20 - 18 = 2, 2 * 13 = 26, 26 + 40 = 66</think3>',
    'The final answer is $(20-18) \\times 13 + 40$.',
  ])('%j', (text) => expect(says(game, text)).toBe(true))
  it.each([
    '\\boxed{66}',
    '\\boxed{(20 - 18) * 13 + 40 = 66}',
    'The answer is 66.',
    '',
    'No path solved it.',
    '<think3>\nTry 20 - 18 = 2 | 13 40\n2 * 13 = 26 | 40',
    // Correct steps but another answer: the answer counts.
    'Solved: 20 - 18 = 2, 2 * 13 = 26, 26 + 40 = 66. \\boxed{20 + 18 + 13 + 40}',
    // The solution is stated, then something else.
    'Solved: 20 - 18 = 2, 2 * 13 = 26, 26 + 40 = 66\nTry 20 + 18 = 38 | 13 40',
  ])('not %j', (text) => expect(says(game, text)).toBe(false))
})

describe('statement', () => {
  it('takes the last number only by that rule', () => {
    const text = 'There are 3 boxes of 4.\nBring 12 pens, please.'
    expect(statement(text, 'stated', '').answer).toBeNull()
    expect(statement(text, 'last-number', '').answer).toMatchObject({
      text: '12',
      kind: 'last-number',
    })
    expect(statement('The answer is 5. Bring 12 pens.', 'last-number', '').answer?.text).toBe('5')
  })
})

describe('readProblems', () => {
  const folder = mkdtempSync(join(tmpdir(), 'braid-problems-'))
  const file = (content: string) => {
    const path = join(folder, 'set.json')
    writeFileSync(path, content)
    return path
  }
  it('reads JSON lines, blank ones left out', () => {
    const { problems } = readProblems(
      file(
        '\ufeff{"problem":"a","answer":"025"}\r\n\n{"problem":"b","answer":27.0}\n{"problem":"c","numbers":[1,2],"target":3}\n',
      ),
    )
    expect(problems).toEqual([
      { index: 0, problem: 'a', expected: { kind: 'answer', answer: '025' } },
      { index: 1, problem: 'b', expected: { kind: 'answer', answer: '27' } },
      { index: 2, problem: 'c', expected: { kind: 'numbers', numbers: [1, 2], target: 3 } },
    ])
  })
  it('reads an array, and other field names', () => {
    const { problems } = readProblems(
      file(JSON.stringify([{ q: 'a', gold: '1', numbers: [1], target: 1 }])),
      { problem: 'q', answer: 'gold' },
    )
    expect(problems[0]).toEqual({
      index: 0,
      problem: 'a',
      expected: { kind: 'answer', answer: '1' },
    })
  })
  it.each([
    // As GSM8K, MATH, AIME and AMC publish them.
    ['{"question":"a","answer":"16 - 7 = <<16-7=9>>9\\n9 * 2 = $18\\n#### 18"}', '18'],
    ['{"question":"a","answer":"So\\n#### 1,234"}', '1,234'],
    ['{"problem":"a","answer":"We have $3x=12$, so $x=\\\\boxed{4}$."}', '4'],
    ['{"problem":"a","solution":"Adding, \\\\boxed{\\\\frac{1}{2}}."}', '\\frac{1}{2}'],
    ['{"problem":"a","solution":"Long.","answer":"7"}', '7'],
    ['{"problem":"a","answer":"025"}', '025'],
    ['{"problem":"a","answer":27.0}', '27'],
    ['{"problem":"a","answer":1234567890123456789}', '1234567890123456789'],
    ['{"problem":"a 9007199254740993 \\"1\\"","answer":-9007199254740993}', '-9007199254740993'],
    ['{"problem":"a","answer":0.12345678901234567891}', '0.12345678901234567891'],
    ['{"problem":"a","answer":true}', 'true'],
    // Multiple choice: a letter, the index or the text of an option.
    ['{"question":"a","choices":["Rome","Paris"],"answer":"B"}', '(B) Paris'],
    ['{"question":"a","choices":["Rome","Paris"],"answer":1}', '(B) Paris'],
    ['{"question":"a","options":["A) 21","B) 22"],"correct":"B"}', '(B) 22'],
    ['{"question":"a","options":{"A":"x","B":"y"},"answer":"y"}', '(B) y'],
    ['{"question":"a","choices":{"text":["u","v"],"label":["A","B"]},"answerKey":"A"}', '(A) u'],
  ])('reads %s', (line, answer) =>
    expect(readProblems(file(line)).problems[0]!.expected).toEqual({ kind: 'answer', answer }),
  )
  it('adds the options to a question that does not name them', () => {
    const { problems } = readProblems(
      file(
        '{"question":"Capital of France?","choices":["Rome","Paris"],"answer":1}\n{"question":"Rome or Paris?","choices":["Rome","Paris"],"answer":1}',
      ),
    )
    expect(problems.map(({ problem }) => problem)).toEqual([
      'Capital of France?\n\n(A) Rome\n(B) Paris',
      'Rome or Paris?',
    ])
    const { expected } = problems[0]!
    expect(says(expected, 'The answer is (B).')).toBe(true)
    expect(says(expected, 'The answer is Paris.')).toBe(true)
    expect(says(expected, 'The answer is (A).')).toBe(false)
  })
  it('reports a reference that is not a short answer, and does not score it', () => {
    const long = 'First, note that the function is continuous. '.repeat(5)
    const set = readProblems(
      file(`{"problem":"a","answer":"1"}\n${JSON.stringify({ problem: 'b', answer: long })}`),
    )
    expect(set.problems.map(({ expected }) => expected.kind)).toEqual(['answer', 'unscored'])
    expect(unscoredNote(unscoredIn(set))).toMatch(
      /^1 of 2 problems .* not a short answer: problem 2\.$/,
    )
    expect(says(set.problems[1]!.expected, `\\boxed{1}`)).toBe(false)
  })
  it.each([
    ['{"problem":"a"}', /line 1.*"answer".*--answer-field/s],
    ['{"prompt":"a","answer":"1"}', /line 1.*"problem".*--problem-field.*prompt/s],
    ['{"problem":"a","answer":"1"}\n{broken', /line 2.*not valid JSON/s],
    ['[{"problem":"a","answer":null}]', /entry 1/],
    ['[1]', /entry 1.*not an object/s],
    ['[]', /no problems/],
    ['{"problem":"","answer":"1"}', /line 1/],
    ['{"problem":"a","numbers":[1.5],"target":2}', /line 1/],
    ['{"problem":"a","answer":"1","__proto__":{"x":1}}\n{"problem":"b"}', /line 2/],
  ])('says what is wrong: %s', (content, message) => {
    expect(() => readProblems(file(content))).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringMatching(message) }),
    )
  })
  it('says what cannot be read', () =>
    expect(() => readProblems(join(folder, 'none.jsonl'))).toThrow(
      expect.objectContaining({ code: 'io' }),
    ))
})
