import fc from 'fast-check'
import { expect, test } from 'vitest'
import { plainAnswer, prosePieces } from '../../../engine/protocol/markdown/prose.ts'

const drawn = (formula: string) =>
  prosePieces(formula)?.map((piece) => (piece.formula ? `[${piece.text}]` : piece.text))

test('words in boxes and texts are prose, with the formulas between them', () => {
  for (const [formula, ...pieces] of [
    ['\\text{The sum is even.}', 'The sum is even.'],
    ['\\boxed{\\text{The sum is even.}}', 'The sum is even.'],
    ['\\boxed{The sum of two odd numbers is even}', 'The sum of two odd numbers is even'],
    ['\\boxed{\\textbf{Yes, it is}}.', 'Yes, it is'],
    ['\\text{The area is } 5\\,\\text{ square metres}', 'The area is  5 ', ' square metres'],
    ['\\text{For all } x^2 > 1 \\text{ it holds}', 'For all  ', '[x^2 > 1]', '  it holds'],
    ['\\text{It costs 5\\% more}', 'It costs 5% more'],
    ['\\text{It is cut off in the mid', 'It is cut off in the mid'],
    ['\\text{两个奇数之和}', '两个奇数之和'],
  ] as const)
    expect(drawn(formula)!.join('|').replaceAll('|', ''), formula).toBe(pieces.join(''))
})

test('formulas, units and names stay formulas', () => {
  for (const formula of [
    '7',
    '\\frac{7}{22}',
    '\\boxed{\\frac{7}{22}}',
    '5\\text{ cm}^2',
    '5 \\text{ km}',
    'x_{\\text{at the end}} + 1',
    '\\begin{cases} \\text{if it is} & 1 \\end{cases}',
    '\\left( \\text{one two} \\right)',
    '\\boxed{x = 1} + \\boxed{2}',
    'a b c',
    'n \\mod m',
    'x + y \\text{ or}',
  ])
    expect(prosePieces(formula), formula).toBeNull()
})

test('prose is plain without LaTeX, and any text is taken', () => {
  expect(plainAnswer('\\boxed{\\text{The sum of } \\frac{1}{2} \\text{ and the rest}}')).toBe(
    'The sum of 1/2 and the rest',
  )
  expect(plainAnswer('\\frac{12}{5}')).toBe('12/5')
  expect(plainAnswer('\\$10')).toBe('$10')
  const piece = fc.constantFrom('\\text{', '}', '{', '\\', 'word ', ' ', '^', '\\boxed{', '5', '$')
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      expect(typeof plainAnswer(pieces.join(''))).toBe('string')
    }),
  )
})
