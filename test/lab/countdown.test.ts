import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkCountdown } from '../../engine/lab/countdown.ts'
import { allExpressions } from './solver.ts'

const numbers = [13, 15, 18, 20]
const check = (text: string, target = 66, given = numbers) => checkCountdown(text, given, target)

describe('expressions', () => {
  it.each([
    ['(20 - 18) * 13 + 40', [20, 18, 13, 40], 66],
    ['20+18+15+13', numbers, 66],
    ['\\frac{20 \\times 18}{15 - 13}', numbers, 180],
    ['\\dfrac{8}{3 - \\frac{8}{3}}', [8, 8, 3, 3], 24],
    ['8 / (3 - 8 / 3)', [3, 3, 8, 8], 24],
    ['\\left(20 - 18\\right) \\cdot 15 \\div 13', [13, 15, 18, 20], 30 / 13],
    ['((((7))))', [7], 7],
    ['2 × 6 ÷ 3 − 1', [1, 2, 3, 6], 3],
    ['2 - 5 + 9', [2, 5, 9], 6],
  ])('%s', (text, given, target) => {
    const whole = Number.isInteger(target)
    expect(checkCountdown(text, given, whole ? target : 0)).toBe(whole ? 'correct' : 'wrong-value')
  })

  it.each([
    ['used twice', '20 + 20 + 13 + 13'],
    ['missing', '20 + 46'],
    ['missing one', '20 + 18 + 15'],
    ['not given', '20 + 18 + 15 + 14'],
    ['used twice beside all', '20 + 18 + 15 + 13 + 13 - 13'],
    ['the target itself', '66'],
    ['digits joined', '2018 + 15 + 13'],
  ])('refuses numbers: %s', (_, text) => expect(check(text)).toBe('wrong-numbers'))

  it.each([
    '',
    ' ',
    '20 + 18 + 15 + 13 = 66',
    '(20+18+15+13) == 66',
    '66 = 20 + 18 + 15 + 13',
    '20 + 18 + 15 + 13 = 60 + 6 = 66',
    '20 + 18 + 15 + 13;',
    '20 +',
    '(20 + 18 + 15 + 13',
    '20 + 18) + (15 + 13',
    '20 ** 18',
    '20 // 18',
    '-13 + 20',
    '+20',
    '20 + -18',
    '2(13)',
    '20 18',
    '20 % 18',
    '20 ^ 2',
    '20!',
    '1e2',
    '20.0 + 18',
    '0x14',
    '020 + 18 + 15 + 13',
    '1_000',
    '20 + 18 + 15 + 13 // comment',
    'process.exit(1)',
    '__import__("os")',
    'eval("66")',
    'numbers[0]+18',
    '[20]+18',
    'twenty + 18',
    '$20',
    '\\sqrt{16}',
    '\\frac12',
    '\\frac{20}',
    '{20}',
    '\\times',
    'Infinity',
    'NaN',
    '20\u00a0+ab',
    '\\left[20\\right]',
    '\\timesx 20',
    '٢٠ + 18',
  ])('cannot read %j', (text) => expect(check(text)).toBe('unreadable'))

  it('refuses division by zero, also where it would cancel', () => {
    expect(checkCountdown('5 / (3 - 3)', [3, 3, 5], 0)).toBe('wrong-arithmetic')
    expect(checkCountdown('7 + 0 * (5 / (3 - 3))', [0, 3, 3, 5, 7], 7)).toBe('wrong-arithmetic')
    expect(checkCountdown('7 / (5 / (3 - 3))', [3, 3, 5, 7], 0)).toBe('wrong-arithmetic')
  })

  it('refuses huge input without reading it', () => {
    expect(check('('.repeat(1_000_000))).toBe('unreadable')
    expect(check('1+'.repeat(400) + '1')).toBe('unreadable')
    expect(check(`${'('.repeat(200)}7${')'.repeat(200)}`, 7, [7])).toBe('unreadable')
    expect(check('9'.repeat(100))).toBe('unreadable')
    expect(check('999999999*'.repeat(45) + '1')).toBe('wrong-numbers')
  })

  it('near misses count as misses', () =>
    expect(checkCountdown('333333333 * 3 + 1 / 1', [1, 1, 3, 333333333], 999999999)).toBe(
      'wrong-value',
    ))
})

describe('steps', () => {
  const given = [20, 18, 13, 40]
  it.each([
    '20 - 18 = 2, 2 * 13 = 26, 26 + 40 = 66',
    '20-18=2\n13*2=26\n40+26=66',
    '20 - 18 = 2; 2 \\times 13 = 26; 26 + 40 = 66.',
    '\\frac{40}{20} = 2, 18 + 13 = 31, 31 + 2 = 33',
  ])('%j', (text) => {
    expect(checkCountdown(text, given, text.includes('33') ? 33 : 66)).toBe('correct')
  })
  it.each([
    ['wrong-arithmetic', '20 - 18 = 3, 3 * 13 = 39, 39 + 40 = 79'],
    ['wrong-arithmetic', '18 - 20 = 2, 2 * 13 = 26, 26 + 40 = 66'],
    ['wrong-numbers', '20 - 18 = 2, 20 - 18 = 2, 26 + 40 = 66'],
    ['wrong-numbers', '20 - 18 = 2, 2 * 13 = 26'],
    ['wrong-numbers', '26 + 40 = 66'],
    ['wrong-value', '20 - 18 = 2, 2 * 13 = 26, 40 - 26 = 14'],
    ['unreadable', '20 - 18 = 2 = 2, 2 * 13 = 26, 26 + 40 = 66'],
    ['unreadable', '20 - 18 = 2, 2 * 13 + 40 = 66'],
    ['unreadable', '20 - 18 = 2, then 2 * 13 = 26, 26 + 40 = 66'],
    ['unreadable', '20 - 18 = 2,, 2 * 13 = 26'],
    ['unreadable', '= 66'],
    ['unreadable', '20 - 18 = '],
  ])('%s: %j', (verdict, text) => expect(checkCountdown(text, given, 66)).toBe(verdict))
})

describe('against an independent solver', () => {
  const problem = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 4 })
  const sample = fc.tuple(problem, fc.nat()).map(([given, pick]) => {
    const all = allExpressions(given)
    return { given, found: all[pick % all.length]! }
  })

  it('agrees on the value of every expression', () => {
    fc.assert(
      fc.property(sample, ({ given, found }) => {
        const whole = found.top % found.bottom === 0
        const target = whole ? found.top / found.bottom : Math.round(found.top / found.bottom)
        expect(checkCountdown(found.text, given, target)).toBe(whole ? 'correct' : 'wrong-value')
        expect(checkCountdown(found.text, given, target + 1)).toBe('wrong-value')
      }),
      { numRuns: 300 },
    )
  })

  it('notices a number changed, repeated or left out', () => {
    fc.assert(
      fc.property(sample, fc.nat(), ({ given, found }, at) => {
        const target = Math.round(found.top / found.bottom)
        const numbersIn = [...found.text.matchAll(/\d+/g)]
        const { index, 0: number } = numbersIn[at % numbersIn.length]!
        const swap = (text: string) =>
          found.text.slice(0, index) + text + found.text.slice(index + number.length)
        expect(checkCountdown(swap(String(Number(number) + 1)), given, target)).toBe(
          'wrong-numbers',
        )
        expect(checkCountdown(swap(`(${number} + ${number} - ${number})`), given, target)).toBe(
          'wrong-numbers',
        )
        expect(checkCountdown(found.text, [...given, 3], target)).toBe('wrong-numbers')
        expect(checkCountdown(found.text, given.slice(1), target)).toBe('wrong-numbers')
      }),
      { numRuns: 200 },
    )
  })

  it('reads spaces, LaTeX and plain signs alike', () => {
    fc.assert(
      fc.property(sample, ({ given, found }) => {
        const target = Math.round(found.top / found.bottom)
        const latex = found.text
          .replaceAll('*', '\\times')
          .replaceAll('/', '\\div')
          .replaceAll('(', '\\left(')
          .replaceAll(')', '\\right)')
        const verdict = checkCountdown(found.text, given, target)
        expect(checkCountdown(latex, given, target)).toBe(verdict)
        expect(checkCountdown(found.text.replaceAll(' ', ''), given, target)).toBe(verdict)
      }),
      { numRuns: 200 },
    )
  })

  it('never throws, and finds nothing correct in noise', () => {
    const noise = fc
      .array(
        fc.constantFrom(
          '1',
          '2',
          '13',
          '(',
          ')',
          '+',
          '-',
          '*',
          '/',
          '=',
          ',',
          ' ',
          '\\frac',
          '{',
          '}',
          '\\times',
          'x',
          '.',
          '\n',
          '\u0000',
          '\ud800',
        ),
        { maxLength: 40 },
      )
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(noise, (text) => checkCountdown(text, [13, 2, 1, 997], 1_000_003) !== 'correct'),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(
        fc.string({ maxLength: 600, unit: 'binary' }),
        (text) => checkCountdown(text, [13, 2], 26) !== 'correct',
      ),
      { numRuns: 300 },
    )
  })
})
