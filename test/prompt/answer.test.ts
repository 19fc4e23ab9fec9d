import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractAnswer, lastNumber } from '../../engine/prompt/index.ts'
import { cpuMs } from '../support/time.ts'

const found = (text: string) => {
  const answer = extractAnswer(text)
  return answer === null ? null : `${answer.kind}: ${answer.text}`
}

describe('extractAnswer', () => {
  it.each([
    ['So \\boxed{\\frac{1}{2}} it is', 'boxed: \\frac{1}{2}'],
    ['\\boxed{\\{1,2\\}}', 'boxed: \\{1,2\\}'],
    ['\\boxed{1} no, \\boxed{2}', 'boxed: 2'],
    ['\\boxed{a} then \\boxed{ cut off', 'boxed: a'],
    ['\\fbox{7} and \\boxed{}', 'boxed: 7'],
    ['The final answer is $\\boxed{8}$. I hope it is correct.', 'boxed: 8'],
    ['The final answer is 42.', 'final-answer: 42'],
    ['The final answer is: **$x=5$**.', 'final-answer: x=5'],
    ['Final Answer: The answer is (B).', 'final-answer: (B)'],
    ['**Final answer:** 12', 'final-answer: 12'],
    ['The answer is\n\n$\\frac{3}{4}$.', 'final-answer: \\frac{3}{4}'],
    ['The final answer is 3.14. Thanks for 7', 'final-answer: 3.14'],
    ['#### 1,234', 'final-answer: 1,234'],
    ['The answer is "Paris".', 'final-answer: Paris'],
    ['{"answer": "12 cm"}', 'json: 12 cm'],
    ['{"final_answer": 3.5}', 'json: 3.5'],
    ['{"answer": "\\\\frac12"}', 'json: \\frac12'],
    ['3-2 = 1', 'final-line: 1'],
    ['t = -5', 'final-line: -5'],
    ['Let x = 3.\n\n$$\\frac{3}{4}$$', 'final-line: \\frac{3}{4}'],
    ['Solved: 4 + 2 = 6, 6 * 11 = 66', 'final-line: (4 + 2) * 11'],
    ['x\nSolved: 2 + 18 = 20, 5 * 4 = 20, 20 + 20 = 40', 'final-line: (2 + 18) + (5 * 4)'],
    ['Solved: 4 + 2 = 7, 7 * 11 = 77', 'final-line: 77'],
    ['Solved: 4 + 2 = 6, 3 * 11 = 33', 'final-line: 33'],
    ['Step 2\nSo there are 3*4 = 12 eggs.', 'final-line: 12 eggs'],
    ['It sinks to -17 metres.', 'final-line: -17 metres'],
    ['The answer is -17 metres.', 'final-answer: -17 metres'],
    ['The answer is 72, which is the total.', 'final-answer: 72'],
    ['The answer is 1, 2 and 3, as shown.', 'final-answer: 1, 2 and 3'],
    ['The answer is $18 per day.', 'final-answer: $18 per day'],
    ['The answer is (B) 12.', 'final-answer: (B) 12'],
    ['Option C is correct.', 'choice: C'],
    ['The correct answer is B', 'final-answer: B'],
    ['I compared them.\n\n(B)', 'choice: (B)'],
    ['<answer>12</answer> because 3*4', 'final-answer: 12'],
    ['\u6240\u4ee5\u7b54\u6848\u662f12\u3002', 'final-answer: 12'],
    ['**Final Answer:** 12\n\n**Check:** 15. The answer is consistent.', 'final-answer: 12'],
    ['about 50% of 3/4', null],
    ['no numbers, x2 and v1.2.3 are none', null],
    ['', null],
  ])('%s', (text, expected) => expect(found(text)).toBe(expected))

  it.each([
    '```python\ndef f(n):\n    return 2 * n\n```\n\nIt takes O(n) time.',
    '```python\nprint(18)\n```\n\nThis prints 18.',
    '```\n18\n```',
    'Here are 5 ideas for a workshop:\n\n1. Games\n2. Talks\n3. Walks\n4. Lunch\n5. Music',
    'Sure! Here are 5 ideas.',
    'Plan:\n- flour, 200 g\n- eggs, 3',
    'Then it holds for n + 1. Hence the statement holds for all n \u2265 1.',
    'Therefore $\\sqrt{2}$ is irrational.',
    'Start early.\n\nThe workshop should last no more than 90 minutes.',
    'The answer is not clear.',
    'If the answer is 5, we are done, but nobody knows.',
  ])('%j states no answer', (text) => expect(extractAnswer(text)).toBeNull())

  it.each([
    ['we get 3, then 1,242.50 apples', '1,242.50'],
    ['which is \\frac{3}{4} of it', '\\frac{3}{4}'],
    ['about 50% of 3/4', '3/4'],
    ['so it falls to -17 metres', '-17'],
    ['and 5 -3', '3'],
    ['x -3', '3'],
    ['no numbers, x2 and v1.2.3 are none', undefined],
  ])('the last number of %s is %s', (text, expected) =>
    expect(lastNumber(text)?.text).toBe(expected),
  )

  it('does not read the digits of control tokens', () => {
    expect(found('<think3>I do not know</think3>')).toBeNull()
    expect(found('<think2>So it is 41.</think2>')).toBe('final-line: 41')
    expect(
      found(
        '<summary>By analyzing multiple reasoning processes above, I concluded that: The final answer is 17</summary>',
      ),
    ).toBe('final-answer: 17')
  })

  it('takes what a reasoning model says after its own thinking', () => {
    expect(found('<think>maybe \\boxed{3}</think> It is 4')).toBe('final-line: 4')
    expect(found('<think>surely \\boxed{3}</think>')).toBe('boxed: 3')
  })

  it('spans hold the answer, whatever stands around it', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: -9999, max: 9999 }),
        fc.string(),
        (before, n, after) => {
          const text = `${before} \\boxed{${n}}${after.replaceAll('boxed', '').replaceAll('fbox', '')}`
          const answer = extractAnswer(text)
          expect(answer?.text).toBe(String(n))
          expect(text.slice(...answer!.span)).toBe(String(n))
        },
      ),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const answer = extractAnswer(text)
        if (answer !== null && answer.kind !== 'json')
          expect(text.slice(...answer.span)).toBe(answer.text)
      }),
    )
  })

  it.each([
    '1,',
    '\\boxed{',
    'final answer ',
    '9',
    '\n',
    '"answer": "',
    'the answer is\n',
    '\\boxed{1',
    '#### ',
    'the answer is **',
    'So 1 ',
    '(A) is ',
  ])('reads a megabyte of %j in well under two seconds', (part) => {
    const text = part.repeat(2 ** 20 / part.length)
    expect(cpuMs(() => extractAnswer(text))).toBeLessThan(1500)
    expect(cpuMs(() => lastNumber(text))).toBeLessThan(1500)
  })
})
