import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalAnswers } from '../../engine/protocol/answers/equality.ts'
import { sameMeaning } from '../../engine/protocol/answers/meaning.ts'
import { meaningOf } from '../../engine/protocol/answers/reading.ts'
import { vote, type Candidate } from '../../engine/protocol/answers/vote.ts'
import { bySegment, pathId } from '../../engine/protocol/segments.ts'
import { cpuMs, since } from '../support/time.ts'

const EQUAL: [string, string][] = [
  ['1/2', '0.5'],
  ['\\frac12', '1/2'],
  ['\\frac{1}{2}', '0.5'],
  ['\\dfrac34', '.75'],
  ['\\frac{-3}{4}', '-3/4'],
  ['1\\frac{1}{2}', '3/2'],
  ['1 1/2', '1.5'],
  ['2\u00bd', '2.5'],
  ['1,242', '1242.00'],
  ['1{,}242', '1242'],
  ['10,000', '10000'],
  ['1e3', '1000'],
  ['1.2\\times10^{3}', '1200'],
  ['42.', '$42$'],
  ['\u22125', '-5'],
  ['50\\%', '50'],
  ['50%', '1/2'],
  ['5\\text{ cm}', '5'],
  ['12 square units', '12'],
  ['\\$5.00', '5'],
  ['90^\\circ', '90'],
  ['5.4 \\text{ cents}', '5.4'],
  ['4 hours', '4'],
  ['\\sqrt{4}', '2'],
  ['2\\sqrt{3}', '\\sqrt{12}'],
  ['\\frac{\\sqrt3}{2}', '\\sqrt{3}/2'],
  ['\\frac{1}{\\sqrt2}', '\\frac{\\sqrt{2}}{2}'],
  ['\\tan^{-1}(1)', '\\pi/4'],
  ['\\log_2 8', '3'],
  ['10!', '3628800'],
  ['\\binom{5}{2}', '10'],
  ['2^{10}', '1024'],
  ['2^10', '1024'],
  ['x^12', 'x^{12}'],
  ['2^0.5', '\\sqrt{2}'],
  ['\\log_10 x', '\\log x'],
  ['\\sin^10 x', '(\\sin x)^{10}'],
  ['\\frac12^10', '2^{-10}'],
  ['e^2', 'e*e'],
  ['\\sin 30^\\circ', '\\sin(30)'],
  ['3x^2+2x', 'x(3x+2)'],
  ['p - q', '-q+p'],
  ['6-5i', '-5i+6'],
  ['x\u00b2', 'x^2'],
  ['x=5', '5'],
  ['y=2x+3', '2x+3'],
  ['\\{1,2\\}', '\\{2, 1\\}'],
  ['1,-2', '-2, 1'],
  ['[0,1)', '\\left[0,1\\right)'],
  ['(3,\\frac{\\pi}{2})', '\\left( 3, \\frac{\\pi}{2} \\right)'],
  ['x \\in [-2,7]', '[-2,7]'],
  ['(-\\infty,2)\\cup(3,\\infty)', '(3,\\infty) \\cup (-\\infty, 2)'],
  ['\\begin{pmatrix}1\\\\2\\end{pmatrix}', '\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}'],
  ['\\text{Evelyn}', 'evelyn'],
  ['(C)', '\\text{(C)}'],
  ['C', '(C)'],
  ['2516_8', '2516_{8}'],
  ['Yes', 'yes'],
  ['NO', '\\text{no}'],
  ['xy', 'yx'],
  ['pi', '\\pi'],
  ['2ab', '2ba'],
  ['\\alpha + a', 'a + \\alpha'],
  ['|{-x}|', '|x|'],
  ['\\sqrt{x}\\sqrt{y}', '\\sqrt{xy}'],
]
const UNEQUAL: [string, string][] = [
  ['1/2', '1/3'],
  ['0.3333', '1/3'],
  ['9007199254740993', '9007199254740992'],
  ['1242', '1242.01'],
  ['12', '1,2'],
  ['2', '-2'],
  ['50', '0.5'],
  ['x', 'y'],
  ['3x', 'x^3'],
  ['[0,1)', '(0,1)'],
  ['(1,2)', '(2,1)'],
  ['\\{1,2\\}', '(1,2)'],
  ['\\infty', '-\\infty'],
  ['1/0', '2/0'],
  ['10^{400}', '10^{401}'],
  ['Paris', 'London'],
  ['A', 'B'],
  ['', '0'],
  ['2^10', '0'],
  ['2^10', '2'],
  ['x', 'a'],
  ['B', 'Y'],
  ['\\alpha', 'a'],
  ['a+c', '2b'],
  ['no', 'on'],
  ['yes', 'no'],
  ['|x|', 'x'],
  ['\\sqrt{x^2}', 'x'],
]

describe('equality of answers', () => {
  it.each(EQUAL)('%s = %s', (a, b) => {
    expect(equalAnswers(a, b)).toBe(true)
    expect(equalAnswers(b, a)).toBe(true)
  })
  it.each(UNEQUAL)('%s is not %s', (a, b) => {
    expect(equalAnswers(a, b)).toBe(false)
    expect(equalAnswers(b, a)).toBe(false)
  })

  it('no variable is another one', () => {
    const names = [
      ...'abcdfghjklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ',
      '\\alpha',
      '\\beta',
      '\\gamma',
      '\\delta',
      '\\theta',
      '\\lambda',
      '\\mu',
      '\\phi',
      '\\varphi',
      '\\omega',
      '\\sigma',
      '\\rho',
      '\\tau',
      '\\epsilon',
    ]
    const meanings = names.map((name) => meaningOf(`2 ${name}`))
    expect(
      names.filter((_, i) =>
        meanings.some((other, k) => k !== i && sameMeaning(other, meanings[i]!)),
      ),
    ).toEqual([])
  })

  it('integers, decimals and fractions are exact', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(10n ** 20n), 10n ** 20n),
        fc.bigInt(1n, 10n ** 6n),
        fc.bigInt(1n, 999n),
        (n, d, k) => {
          const sign = n < 0n ? '-' : ''
          const size = n < 0n ? -n : n
          expect(equalAnswers(`${sign}\\frac{${size}}{${d}}`, `${n * k}/${d * k}`)).toBe(true)
          expect(equalAnswers(`${n}/${d}`, `${n + 1n}/${d}`)).toBe(false)
          expect(equalAnswers(size.toString().replace(/\B(?=(\d{3})+$)/g, ','), `${size}.00`)).toBe(
            true,
          )
        },
      ),
    )
  })

  it('every answer equals itself, and no answer throws, runs or grows', () => {
    const pieces = fc.constantFrom(
      '\\frac',
      '\\sqrt',
      '{',
      '}',
      '(',
      ')',
      '[',
      ']',
      '^',
      '!',
      '9',
      '10',
      ',',
      '\\cup',
      'x',
      'sin',
      '\\log_',
      '-',
      '/',
      '%',
      '\\text{',
      '|',
      '\\binom',
      'e',
      '.',
      '\\\\',
      '&',
      ' = ',
      'constructor',
      'import("fs")',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces, { maxLength: 60 }).map((list) => list.join('')),
        ),
        (answer) => {
          const start = process.cpuUsage()
          expect(equalAnswers(answer, answer)).toBe(true)
          expect(since(start)).toBeLessThan(500)
        },
      ),
      { numRuns: 500 },
    )
  })

  it.each([
    '9^{9^{9^{9}}}',
    '('.repeat(5000),
    '\\frac'.repeat(60),
    '\\binom{100000000}{50000000}',
    '2^'.repeat(140) + '2',
    `9${'constructor'.repeat(20)}\\`,
    '1e99999',
    '(10^6)!',
    '\\sqrt'.repeat(50) + '2',
    '[1,'.repeat(80),
  ])('hostile: %.20s', (answer) => {
    expect(cpuMs(() => meaningOf(answer))).toBeLessThan(200)
  })

  it('compares a pair in well under 5 ms', () => {
    const ms = cpuMs(() => {
      for (let i = 0; i < 10; i++) for (const [a, b] of EQUAL) equalAnswers(a, b)
    })
    expect(ms / (10 * EQUAL.length)).toBeLessThan(5)
  })
})

describe('vote', () => {
  const of = (...answers: (string | null)[]): Candidate[] =>
    answers.map((answer, i) => ({ member: pathId(i + 1), answer }))

  it('counts equal answers and shows them as the lowest member wrote them', () => {
    expect(vote(of('0.50', '3', '\\frac12', '1/2'), 'equality')).toEqual({
      classes: [
        { answer: '0.50', members: ['p1', 'p3', 'p4'] },
        { answer: '3', members: ['p2'] },
      ],
      winner: 0,
      tie: false,
    })
    expect(vote(of('0.5', '1/2', '0.5 '), 'text')).toEqual({
      classes: [
        { answer: '0.5', members: ['p1', 'p3'] },
        { answer: '1/2', members: ['p2'] },
      ],
      winner: 0,
      tie: false,
    })
  })

  it('gives a tie to the lowest member and says so', () => {
    expect(vote(of('7', '8', '8', '7'), 'equality')).toMatchObject({
      winner: 0,
      tie: true,
      classes: [{ answer: '7' }, { answer: '8' }],
    })
  })

  it('keeps no answer as a class of its own that wins only alone', () => {
    expect(vote(of(null, '4', null), 'equality')).toEqual({
      classes: [
        { answer: null, members: ['p1', 'p3'] },
        { answer: '4', members: ['p2'] },
      ],
      winner: 1,
      tie: false,
    })
    expect(vote(of(null, null), 'text')).toEqual({
      classes: [{ answer: null, members: ['p1', 'p2'] }],
      winner: 0,
      tie: false,
    })
  })

  it('reads percent as the others do', () => {
    expect(vote(of('50%', '1/2', '50'), 'equality').classes).toEqual([
      { answer: '50%', members: ['p1', 'p2'] },
      { answer: '50', members: ['p3'] },
    ])
    expect(vote(of('50%', '50', '7'), 'equality').classes).toEqual([
      { answer: '50%', members: ['p1', 'p2'] },
      { answer: '7', members: ['p3'] },
    ])
    expect(vote(of('50%', '50\\%'), 'equality').classes).toEqual([
      { answer: '50%', members: ['p1', 'p2'] },
    ])
  })

  const answers = fc.array(
    fc.option(
      fc.constantFrom(
        '1/2',
        '0.5',
        '50%',
        '50',
        '\\frac{1}{2}',
        '3',
        'x+1',
        '1+x',
        'Paris',
        'paris',
        '(1,2)',
        '\\{2,1\\}',
      ),
      { nil: null },
    ),
    { minLength: 1, maxLength: 12 },
  )

  it('puts every candidate in one class, whatever their order', () => {
    fc.assert(
      fc.property(
        answers,
        fc.constantFrom('equality' as const, 'text' as const),
        fc.infiniteStream(fc.nat()),
        (list, rule, noise) => {
          const candidates = of(...list)
          const result = vote(candidates, rule)
          expect(result.classes.flatMap((c) => c.members).sort(bySegment)).toEqual(
            candidates.map((c) => c.member),
          )
          const shuffled = candidates
            .map((c) => ({ c, key: noise.next().value }))
            .sort((a, b) => a.key - b.key)
            .map(({ c }) => c)
          expect(vote(shuffled, rule)).toEqual(result)
          const winner = result.classes[result.winner]!
          for (const other of result.classes) {
            if (other.answer === null || other === winner) continue
            expect(winner.members.length).toBeGreaterThanOrEqual(other.members.length)
            if (winner.members.length === other.members.length) {
              expect(result.tie).toBe(true)
              expect(bySegment(winner.members[0]!, other.members[0]!)).toBeLessThan(0)
            }
          }
        },
      ),
    )
  })
})
