import { expect, test } from 'vitest'
import { sameAnswer, valueOf } from '../../../renderer/run/arithmetic.ts'

test('plain arithmetic has its value, by the usual precedence', () => {
  const cases: [string, number][] = [['66', 66], ['((13 + 15) + 18) + 20', 66], ['2 + 3 * 4', 14], ['(2+3)*4', 20], ['8 - 2 - 1', 5], ['16 / 4 / 2', 2], ['-(2 - 5)', 3], ['0.1 + 0.2', 0.3], ['1/3', 0.333333333333]]
  for (const [text, value] of cases) expect([text, valueOf(text)]).toEqual([text, value])
})

test('what is no arithmetic, or has no value, is null', () => {
  for (const text of ['', 'x', '2 x', '1 +', '(1', '1)', '2 3', '1/0', '()', '\\frac{1}{2}', '1'.repeat(201), '1e5', '*2']) expect([text, valueOf(text)]).toEqual([text, null])
})

test('answers are one by value or by text', () => {
  expect(sameAnswer(' Paris', 'Paris ')).toBe(true)
  expect(sameAnswer('((13 + 15) + 18) + 20', '66')).toBe(true)
  expect(sameAnswer('((9 * 3) / 2) * 3', '30')).toBe(false)
  expect(sameAnswer('Paris', '66')).toBe(false)
})
