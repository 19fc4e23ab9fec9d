import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equalAnswers } from '../../../engine/protocol/answers/equality.ts'
import { extractAnswer } from '../../../engine/prompt/index.ts'
import { cpuMs } from '../../support/time.ts'

interface Pair {
  text: string
  answer: string
  equal: boolean
}

const read = (name: string) =>
  readFileSync(new URL(name, import.meta.url), 'utf8')
    .trim()
    .split('\n')

const judged = (name: string): Pair[] => read(name).map((line) => JSON.parse(line) as Pair)

describe.each(['./pairs.jsonl', './more-pairs.jsonl'])('%s', (name) => {
  it.each(judged(name))('$text | $answer: $equal', ({ text, answer, equal }) => {
    const stated = extractAnswer(text)
    expect(stated !== null && equalAnswers(stated.text, answer)).toBe(equal)
    if (stated !== null) expect(equalAnswers(answer, stated.text)).toBe(equal)
  })
})

describe('a stated value', () => {
  const sentences = read('./sentences.txt')
  const VALUES = [
    '72',
    '-17',
    '3.5',
    '\\frac{3}{4}',
    '1,234',
    '25%',
    '$18',
    '12 apples',
    '-17 metres',
    'x = 5',
    '(B)',
    '1, 2',
    '\u221a15',
    '2\\pi',
    '10^{-4}',
    '[0, 1)',
  ]
  /** `inline`: other sentences may stand on the same line. */
  const STATEMENTS: { state: (value: string) => string; inline: boolean }[] = [
    { state: (value) => `The answer is ${value}.`, inline: true },
    { state: (value) => `So the final answer is ${value}.`, inline: true },
    { state: (value) => `We get $\\boxed{${value.replace('$', '\\$')}}$.`, inline: true },
    { state: (value) => `<answer>${value}</answer>`, inline: true },
    { state: (value) => `The correct answer would be **${value}**.`, inline: true },
    { state: (value) => `**Answer:** ${value}`, inline: false },
    { state: (value) => `Final answer: ${value}`, inline: false },
    { state: (value) => `### Final Answer\n\n${value}`, inline: false },
    { state: (value) => `#### ${value}`, inline: false },
    { state: (value) => JSON.stringify({ answer: value }), inline: true },
    { state: (value) => `\u6240\u4ee5\u7b54\u6848\u662f${value}\u3002`, inline: false },
  ]

  it('survives every sentence around it', () => {
    expect(new Set(sentences).size).toBeGreaterThanOrEqual(200)
    const GAPS = [' ', '\n', '\n\n']
    let turn = 0
    for (const sentence of sentences)
      for (const { state, inline } of STATEMENTS)
        for (const value of VALUES) {
          const gap = inline ? GAPS[turn++ % GAPS.length]! : '\n\n'
          const statement = state(value)
          for (const text of [
            `${sentence}${gap}${statement}`,
            `${statement}${gap}${sentence}`,
            `${sentence}${gap}${statement}${gap}${sentence}`,
          ]) {
            const said = extractAnswer(text)?.text
            if (said !== value && (said === undefined || !equalAnswers(said, value)))
              expect.fail(`${JSON.stringify(text)} states ${said}, not ${value}`)
          }
        }
  })
})

/** A value, its notations, and what it is: values are equal if and only if their names are. */
interface Written {
  name: string
  notations: string[]
}

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? (a < 0n ? -a : a) : gcd(b, a % b))

function fraction(n: bigint, d: bigint): Written {
  const g = gcd(n, d)
  const [a, b] = [n / g, d / g]
  const sign = a < 0n ? '-' : ''
  const size = a < 0n ? -a : a
  const whole = b === 1n
  return {
    name: `${a}/${b}`,
    notations: [
      `${sign}\\frac{${size}}{${b}}`,
      `${n}/${d}`,
      `$\\dfrac{${a}}{${b}}$`,
      ...(whole
        ? [`${a}`, `${a}.0`, `${sign}${size.toString().replace(/\B(?=(\d{3})+$)/g, ',')}`]
        : [`\\frac{${n * 3n}}{${d * 3n}}`]),
      ...(!whole && size > b ? [`${sign}${size / b}\\frac{${size % b}}{${b}}`] : []),
    ],
  }
}

const small = fc.bigInt(-60n, 60n)
const huge = fc.bigInt(-(10n ** 40n), 10n ** 40n)
const squarefree = fc.constantFrom(2, 3, 5, 6, 7, 10, 11, 13)
const letter = fc.constantFrom(...'abcdkmnpqrstuvwxyz')
const nonzero = (n: bigint) => (n === 0n ? 1n : n)

const value: fc.Arbitrary<Written> = fc.oneof(
  fc.tuple(small, fc.bigInt(1n, 40n)).map(([n, d]) => fraction(n, d)),
  fc.tuple(huge, fc.constantFrom(1n, 3n, 7n, 10n ** 9n)).map(([n, d]) => fraction(n, d)),
  fc.tuple(fc.bigInt(1n, 30n), squarefree).map(([a, b]) => ({
    name: `root ${a} ${b}`,
    notations: [
      `${a}\\sqrt{${b}}`,
      `\\sqrt{${a * a * BigInt(b)}}`,
      `${a}*sqrt(${b})`,
      `\\frac{${a * BigInt(b)}}{\\sqrt{${b}}}`,
    ],
  })),
  fc.tuple(fc.constantFrom(2n, 3n, 5n, 7n), fc.integer({ min: 50, max: 3000 })).map(([b, e]) => ({
    name: `power ${b} ${e}`,
    notations: [`${b}^{${e}}`, `${b}^${e}`, `${b}^{${e - 1}} \\cdot ${b}`],
  })),
  fc.tuple(fc.constantFrom(2n, 3n, 5n, 7n), fc.integer({ min: 50, max: 3000 })).map(([b, e]) => ({
    name: `power ${b} -${e}`,
    notations: [`${b}^{-${e}}`, `\\frac{1}{${b}^{${e}}}`],
  })),
  fc.tuple(letter, small, small).map(([x, a, b]) => {
    const [m, c] = [nonzero(a), nonzero(b)]
    const tail = c < 0n ? `${c}` : `+${c}`
    return {
      name: `line ${x} ${m} ${c}`,
      notations: [`${m}${x}${tail}`, `${c}+${m}${x}`.replace('+-', '-'), `${m}(${x})${tail}`],
    }
  }),
  fc.tuple(letter, fc.integer({ min: 2, max: 9 })).map(([x, n]) => ({
    name: `monomial ${x} ${n}`,
    notations: [`${x}^${n}`, `${x}^{${n - 1}}${x}`, `${x} \\cdot ${x}^{${n - 1}}`],
  })),
  fc.tuple(small, small).map(([a, b]) => ({
    name: `pair ${a} ${b}`,
    notations: [`(${a},${b})`, `\\left( ${a}, \\frac{${b * 2n}}{2} \\right)`],
  })),
  fc.tuple(small, small).map(([a, b]) => ({
    name: `closed ${a} ${b}`,
    notations: [`[${a},${b}]`, `\\left[${a}.0, ${b}\\right]`],
  })),
  fc.uniqueArray(small, { minLength: 2, maxLength: 4 }).map((list) => ({
    name: `set ${list.map(String).sort().join()}`,
    notations: [`\\{${list.join(',')}\\}`, list.join(', '), [...list].reverse().join(' and ')],
  })),
  fc
    .tuple(fc.integer({ min: 1, max: 99 }), fc.constantFrom('m', 'kg', 's', '\u00b0C', 'L'))
    .map(([n, unit]) => ({
      name: `unit ${n} ${unit}`,
      notations: [`${n} ${unit}`, `${n}.0 ${unit}`],
    })),
  fc
    .constantFrom('Paris', 'Maria', 'red fox', 'fox red', 'on no', 'no on', 'listen', 'silent')
    .map((word) => ({ name: word, notations: [word, `\\text{${word}}`, `${word}.`] })),
  fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 10, max: 59 }))
    .map(([h, m]) => ({ name: `clock ${h} ${m}`, notations: [`${h}:${m}`] })),
  fc
    .tuple(fc.integer({ min: 2, max: 9 }), fc.constantFrom('101', '57', '12'))
    .map(([base, digits]) => ({
      name: `base ${base} ${digits}`,
      notations: [`${digits}_${base}`, `${digits}_{${base}}`],
    })),
)

/** 39 m equals 39, where the unit is left out. */
const omitsUnit = (unit: string, bare: string): boolean =>
  `${/^unit (\d+) /.exec(unit)?.[1]}/1` === bare

describe('equality', () => {
  const written = fc.tuple(value, fc.nat(), fc.nat()).map(([{ name, notations }, i, k]) => ({
    name,
    one: notations[i % notations.length]!,
    other: notations[k % notations.length]!,
  }))

  it('merges no two different values, and is reflexive and symmetric', () => {
    fc.assert(
      fc.property(written, written, (a, b) => {
        expect(equalAnswers(a.one, a.one)).toBe(true)
        expect(equalAnswers(a.one, a.other), `${a.one} = ${a.other}`).toBe(true)
        fc.pre(!omitsUnit(a.name, b.name) && !omitsUnit(b.name, a.name))
        const merged = equalAnswers(a.one, b.one)
        expect(merged, `${a.one} = ${b.one}`).toBe(a.name === b.name)
        expect(equalAnswers(b.one, a.one)).toBe(merged)
      }),
      { numRuns: 10_000 },
    )
  }, 120_000)

  it('does not merge neighbours', () => {
    fc.assert(
      fc.property(huge, fc.integer({ min: 1, max: 60 }), (n, digits) => {
        expect(equalAnswers(`${n}`, `${n + 1n}`)).toBe(false)
        expect(equalAnswers(`2^{200}+${n}`.replace('+-', '-'), `2^{200}+${n + 1n}`)).toBe(false)
        const tail = `${'0'.repeat(digits)}1`
        expect(equalAnswers(`1.${tail}`, '1')).toBe(false)
        expect(equalAnswers(`0.${tail}`, '0')).toBe(false)
        expect(equalAnswers(`10^{-${digits * 50}}`, '0')).toBe(false)
      }),
      { numRuns: 1000 },
    )
  }, 60_000)

  it.each([
    '3000!^{9}',
    '\\binom{10000000000000000000000}{999}',
    '7^{15000}/11^{10000}+'.repeat(12) + '1',
    '\\sqrt[64]{3000!}',
    'e^{e^{e^{e^{e^x}}}}',
    '\\cosh(10^9)',
    '\\sin(10^{30})',
    '(1+\\sqrt2)^{1000000}',
    '(1+i)^{100000}',
    '\\sin(\\cos('.repeat(20) + 'x' + '))'.repeat(20),
    '\\pm1,'.repeat(50) + '1',
    '1 h '.repeat(75),
    '\\text{a}'.repeat(40),
    '12 cm'.repeat(60),
    '|x'.repeat(150),
    '1<'.repeat(149) + 'x',
    '{1\\over'.repeat(40),
    '0.\\overline{' + '1'.repeat(280) + '}',
  ])('hostile: %.24s', (answer) => {
    expect(cpuMs(() => expect(equalAnswers(answer, answer)).toBe(true))).toBeLessThan(400)
  })
})
