import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractAnswer } from '../../engine/prompt/index.ts'
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
    ['we get 3, then 1,242.50 apples', 'last-number: 1,242.50'],
    ['3-2 = 1', 'last-number: 1'],
    ['t = -5', 'last-number: -5'],
    ['which is \\frac{3}{4} of it', 'last-number: \\frac{3}{4}'],
    ['about 50% of 3/4', 'last-number: 3/4'],
    ['no numbers, x2 and v1.2.3 are none', null],
    ['', null],
  ])('%s', (text, expected) => expect(found(text)).toBe(expected))

  it('does not read the digits of control tokens', () => {
    expect(found('<think3>I do not know</think3>')).toBeNull()
    expect(found('<think2>So it is 41.</think2>')).toBe('last-number: 41')
    expect(
      found(
        '<summary>By analyzing multiple reasoning processes above, I concluded that: The final answer is 17</summary>',
      ),
    ).toBe('final-answer: 17')
  })

  it('takes what a reasoning model says after its own thinking', () => {
    expect(found('<think>maybe \\boxed{3}</think> It is 4')).toBe('last-number: 4')
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
  ])('reads a megabyte of %j in well under two seconds', (part) => {
    const text = part.repeat(2 ** 20 / part.length)
    expect(cpuMs(() => extractAnswer(text))).toBeLessThan(1500)
  })
})
