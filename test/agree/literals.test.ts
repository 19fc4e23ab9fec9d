import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  argumentsAt,
  readLiteral,
  sameLiteral,
  writeLiteral,
  type Literal,
} from '../../engine/protocol/answers/literals.ts'

const rewritten = (text: string, notation: 'python' | 'javascript' = 'python') => {
  const value = readLiteral(text)
  return value === null ? null : writeLiteral(value, notation)
}
const same = (a: string, b: string) => sameLiteral(readLiteral(a)!, readLiteral(b)!)

describe('literals', () => {
  it.each([
    ['0x1F', '31'],
    ['1_000', '1000'],
    ['-007', '-7'],
    ['1e3', '1000.0'],
    ['.5', '0.5'],
    ['5.', '5.0'],
    ['- 3', '-3'],
    ["float('-inf')", "float('-inf')"],
    ['math.inf', "float('inf')"],
    ['"it\'s"', "'it\\'s'"],
    ["'a' 'b'", "'ab'"],
    ['r"\\d"', "'\\\\d'"],
    ['"\\x41\\u00e9\\n"', "'Aé\\n'"],
    ['"""a\nb"""', "'a\\nb'"],
    ['b"x"', "b'x'"],
    ['( 1 )', '1'],
    ['(1,)', '(1,)'],
    ['()', '()'],
    ['[1, [2,], ]', '[1, [2]]'],
    ['{1: "a", (2, 3): None}', "{1: 'a', (2, 3): None}"],
    ['{ 1, 2 }', '{1, 2}'],
    ['set()', 'set()'],
    ['frozenset([1])', '{1}'],
    ['{a: 1, "b": undefined}', "{'a': 1, 'b': None}"],
    ['[True, false, null]', '[True, False, None]'],
    ['[1, # one\n 2]', '[1, 2]'],
    ['{constructor: 2, toString: 1}', "{'constructor': 2, 'toString': 1}"],
  ])('reads %s', (text, python) => expect(rewritten(text)).toBe(python))

  it.each([
    ['(1, 2)', '[1, 2]'],
    ['{"a": None}', "{'a': null}"],
    ['{1, 2}', 'new Set([1, 2])'],
    ['new Set([1])', 'new Set([1])'],
    ['12n', '12n'],
    ['1.0', '1'],
    ['`a`', "'a'"],
    ["{'__proto__': 1}", "{['__proto__']: 1}"],
    ['-Infinity', '-Infinity'],
  ])('writes %s in JavaScript', (text, javascript) =>
    expect(rewritten(text, 'javascript')).toBe(javascript),
  )

  it.each([
    'f(1)',
    'x',
    'constructor',
    '[toString]',
    '__proto__',
    '1 + 1',
    '[x]',
    '2**8',
    'f"{x}"',
    '`${x}`',
    '"open',
    '[1',
    '1j',
    '3rd',
    '[i for i in y]',
    'open("/etc/passwd")',
    '__import__("os")',
    'constructor',
    'toString',
    '[__proto__]',
    'new Date()',
    'set([1], [2])',
    '(() => 1)()',
    `${'['.repeat(100)}${']'.repeat(100)}`,
    '',
  ])('refuses %s', (text) => expect(readLiteral(text)).toBeNull())

  it('compares by value', () => {
    expect(same('0.1', '0.10000000000000003')).toBe(true)
    expect(same('[1, 2.0]', '[1.0, 2]')).toBe(true)
    expect(same('9007199254740993', '9007199254740992')).toBe(false)
    expect(same('1e20', '1.00000001e20')).toBe(false)
    expect(same('nan', 'nan')).toBe(true)
    expect(same('-0', '0')).toBe(true)
    expect(same('{1: 2, 3: 4}', '{3: 4, 1: 2.0}')).toBe(true)
    expect(same('{1, 2}', '{2, 1}')).toBe(true)
    expect(same('[1, 2]', '[2, 1]')).toBe(false)
    expect(same('[1]', '(1,)')).toBe(false)
    expect(same('1', 'True')).toBe(false)
    expect(same('1', '1n')).toBe(false)
    expect(same("'1'", '1')).toBe(false)
    expect(same("'0.1'", "'0.10000000000000001'")).toBe(false)
  })

  it('reads what it writes, in both languages', () => {
    const tree = fc.letrec<{ value: Literal }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.bigInt().map((n): Literal => ({
          kind: 'number',
          negative: n < 0n,
          digits: (n < 0n ? -n : n).toString(),
          value: Number(n),
          big: false,
        })),
        fc.double().map((x): Literal => {
          const negative = x < 0 || Object.is(x, -0)
          return { kind: 'number', negative, digits: null, value: x, big: false }
        }),
        fc.string({ unit: 'binary' }).map((value): Literal => ({ kind: 'string', value })),
        fc
          .constantFrom('true', 'false', 'none')
          .map((value) => ({ kind: 'word', value }) as Literal),
        fc.array(tie('value')).map((items): Literal => ({ kind: 'list', items })),
        fc.array(tie('value')).map((items): Literal => ({ kind: 'tuple', items })),
        fc
          .array(
            fc.tuple(
              fc.string().map((value): Literal => ({ kind: 'string', value })),
              tie('value'),
            ),
          )
          .map((pairs): Literal => ({ kind: 'dict', entries: unique(pairs) })),
      ),
    })).value
    fc.assert(
      fc.property(tree, (value) => {
        const python = writeLiteral(value, 'python')
        const read = readLiteral(python)!
        expect(sameLiteral(read, value)).toBe(true)
        expect(writeLiteral(read, 'python')).toBe(python)
        const script = writeLiteral(value, 'javascript')
        expect(writeLiteral(readLiteral(script)!, 'javascript')).toBe(script)
      }),
      { numRuns: 150 },
    )
  })

  it('reads arguments up to the parenthesis that closes them', () => {
    const text = 'f([1, ")"], key={"a": (1, 2)}) == 3'
    const { args, end } = argumentsAt(text, 1)!
    expect(args.map(({ name }) => name)).toEqual([null, 'key'])
    expect(text.slice(end)).toBe(' == 3')
    expect(argumentsAt('f(1, x)', 1)).toBeNull()
    expect(
      argumentsAt('f(1, x)', 1, (name) => (name === 'x' ? readLiteral('2') : null))!.args,
    ).toHaveLength(2)
  })
})

const unique = (pairs: [Literal, Literal][]): [Literal, Literal][] => [
  ...new Map(pairs.map((pair) => [writeLiteral(pair[0], 'python'), pair])).values(),
]
