import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { programsIn, type Program } from '../../engine/agree/index.ts'
import { parse } from '../../engine/agree/statements.ts'
import { because, MAX_PROGRAM_CHARS, type Reason } from '../../engine/protocol/agreement.ts'
import { reasonText } from '../../engine/protocol/wording.ts'
import { ACTIONS, attempts } from './attempts.ts'

const block = (code: string, tag = 'python') => `\`\`\`${tag}\n${code}\n\`\`\``
const F = 'def f(x):\n    return x'
const one = (attempt: string, question = 'Write f(x).') =>
  programsIn(question, [attempt]).programs[0]!
const sourceOf = (attempt: string, question?: string) => {
  const program = one(attempt, question)
  return 'source' in program ? program.source : null
}

describe('programs', () => {
  it.each([
    ['a fenced block', `Sure!\n${block(F)}\nDone.`, F],
    ['a block without a tag', block(F, ''), F],
    ['tildes', `~~~python\n${F}\n~~~`, F],
    ['an indented fence', `1. So:\n   \`\`\`py\n   def f(x):\n       return x\n   \`\`\``, F],
    ['no fence', `Here's the code:\n\n${F}\n\nThis function isn't (hard.`, F],
    ['only code', F, F],
    ['indented code without a fence', `Here:\n\n    def f(x):\n        return x\n\nDone.`, F],
    ['Windows line ends', block(F).replaceAll('\n', '\r\n'), F],
    ['a fence that is not closed', `\`\`\`python\n${F}`, F],
    ['an example that is cut off', `\`\`\`python\n${F}\n\nprint(f([1,`, F],
    ['a later definition', `${block('def f(x):\n    return 1')}\nBetter:\n${block(F)}`, F],
    [
      'a later definition that is cut off',
      `${block(F)}\nBetter:\n\`\`\`python\ndef f(x):\n    return (1,`,
      F,
    ],
    ['a session after it', `${block(F)}\n${block('>>> f(1)\n1')}`, F],
    [
      'output after it',
      `${block(F)}\n${block('f is 1', 'text')}\n${block('pip install x', 'bash')}`,
      F,
    ],
    ['pseudocode before it', `${block('function f(x)\n  return x\nend f', '')}\n${block(F)}`, F],
    [
      'tests',
      block(`${F}\n\nassert f(1) == 1\nfor i in [1]:\n    print(f(i))\nif f(1):\n    exit()`),
      F,
    ],
    ['a broken neighbour', block(`def g(x):\n    return (x\n\n${F}`), F],
  ])('come from %s', (_, attempt, source) => expect(sourceOf(attempt)).toBe(`${source}\n`))

  it('keep imports, constants and all definitions, in order', () => {
    const code = [
      'import re',
      'from a import (\n    b,\n)',
      'LIMIT = 3',
      'memo: dict = {}',
      'PRIMES = g(3)',
      'try:\n    import numpy\nexcept ImportError:\n    numpy = None',
      'def g(n):\n    return n',
      'class A(B):\n    pass',
      'f = lambda x: g(x)',
    ].join('\n\n')
    expect(sourceOf(block(code))).toBe(`${code}\n`)
    const script = [
      "import a from 'a'",
      'const LIMIT = 3',
      'const { b } = require("b")',
      'type T = { a: number }',
      'function f(x: T): number { return g(x.a) }',
      'const g = (n: number) => n',
      'class A { }',
    ].join('\n\n')
    expect(one(block(script, 'ts'))).toEqual({ language: 'typescript', source: `${script}\n` })
  })

  it('put future imports first and drop export', () => {
    expect(
      sourceOf(block(`import re\n\n${F}`) + '\n' + block('from __future__ import annotations')),
    ).toBe(`from __future__ import annotations\n\nimport re\n\n${F}\n`)
    expect(sourceOf(block('export default function f(x) { return x }\nexport { f }', 'js'))).toBe(
      'function f(x) { return x }\n',
    )
  })

  it('call the method of a class that needs no arguments', () => {
    const held = 'class Solution:\n    def f(self, x):\n        return x'
    expect(sourceOf(block(held))).toBe(`${held}\n\nf = Solution().f\n`)
    expect(sourceOf(block('class S { f(x) { return x } }', 'js'))).toContain(
      'const f = (...args) => new S().f(...args)',
    )
    expect(
      one(
        block(
          'class S:\n    def __init__(self, n):\n        pass\n    def f(self, x):\n        return x',
        ),
      ),
    ).toEqual({
      why: because('no-function'),
    })
  })

  it.each([
    ['I cannot do that.', because('no-code')],
    ['The function of a class is to import from others; it returns (x).', because('no-code')],
    [block('int f(int x) { return x; }', 'cpp'), because('no-interpreter', 'cpp')],
    [block('x = 1\nprint(x)'), because('no-function')],
    ['```python\ndef f(x):\n    return [x for', because('no-function')],
    ['', because('no-code')],
  ] satisfies [string, Reason][])('are absent from %j', (attempt, why) =>
    expect(one(attempt)).toEqual({ why }),
  )

  it('take part only in the language of most, with TypeScript beside JavaScript', () => {
    const js = 'function f(x) { return x }'
    const { language, programs } = programsIn('f', [
      block(js, 'js'),
      block('function f(x: number) { return x }', 'ts'),
      block(F),
      block('function f<T>(x: T): T { return x }', ''),
    ])
    expect(language).toBe('typescript')
    expect(
      programs.map((program) => ('why' in program ? reasonText(program.why) : program.language)),
    ).toEqual(['javascript', 'typescript', 'it is in python, most are not', 'typescript'])
  })
})

describe('the function', () => {
  const helper = 'def is_even(n):\n    return n % 2 == 0\n\n'
  const first = `${helper}def count_even(xs):\n    return sum(map(is_even, xs))`
  const nameOf = (question: string, ...codes: string[]) =>
    programsIn(
      question,
      codes.map((code) => block(code)),
    ).function

  it.each([
    ['Implement `is_even(n)`.', 'is_even'],
    ['Write a function called is_even that counts.', 'is_even'],
    ['def is_even(n): ...  is used by count_even(xs)', 'is_even'],
    ['Use `is_even`; write count_even(xs).', 'count_even'],
    ['How many are even?', 'count_even'],
    ['is_evening', 'count_even'],
  ])('of %j is %s', (question, name) => expect(nameOf(question, first)).toBe(name))

  it('is the one that most define and nothing uses, if none is named', () => {
    const test =
      '\n\ndef test_it():\n    assert count_even([]) == 0\n\ndef main():\n    count_even([1])'
    expect(nameOf('Count.', first + test, helper, first + test)).toBe('count_even')
    expect(nameOf('Count.', F, first, F)).toBe('f')
    expect(nameOf('Count.', 'def a(n):\n    return b(n)\n\ndef b(n):\n    return a(n)')).toBe('a')
    expect(nameOf('Count.', 'x = 1')).toBeNull()
  })

  it('are in no language that is only the name of a property', () => {
    for (const tag of ['constructor', 'toString', 'valueOf', '__proto__'])
      expect(one(block('x', tag))).toHaveProperty('why')
  })

  it('must be defined to take part', () => {
    const { programs, signature } = programsIn('Write count_even(xs).', [block(first), block(F)])
    expect(programs[1]).toEqual({ why: because('not-defined', 'count_even') })
    expect(signature).toBe('def count_even(xs)')
  })
})

describe('programs that read standard input', () => {
  const script = 'import sys\n\ndef main():\n    print(sum(map(int, input().split())))\n\nmain()'
  it.each([
    ['Read numbers from standard input and print their sum.', block(script)],
    ['Print the sum.', `Here:\n${block(script)}\nIt reads a line.`],
    ['Print the sum.', `The program below reads a line.\n\n${script}\n\nIt prints the sum of it.`],
    ['Read from stdin.', block(`${script}`) + '\n```python\nn = input(\nprint(n'],
  ])('stay as they stand (%s)', (question, attempt) => {
    const { function: name, programs } = programsIn(question, [attempt])
    expect(name).toBeNull()
    expect((programs[0] as Program).source.trim()).toBe(script)
  })

  it('are not those with a function that the question names', () => {
    const code = `${F}\n\nprint(f(input()))`
    expect(sourceOf(block(code))).toBe(`${F}\n`)
    const js =
      'const lines = require("fs").readFileSync(0, "utf8").split("\\n")\nconsole.log(lines.length)'
    expect(sourceOf(block(js, 'js'), 'Count the lines of stdin.')).toBe(js)
  })
})

describe('extraction', () => {
  const kinds = (['python', 'javascript'] as const).flatMap((language) =>
    (['tagged', 'bare', 'none'] as const).flatMap((fence) =>
      ([false, true] as const).map((cut) => ({ language, fence, cut })),
    ),
  )
  it.each(kinds)('of $language, fence $fence, cut $cut', ({ language, fence, cut }) => {
    const made = (cut ? fc.double({ min: 0, max: 1, noNaN: true }) : fc.constant(null)).chain(
      (share) => attempts({ language, fence, cut: share }),
    )
    fc.assert(
      fc.property(made, ({ text, whole, lost }) => {
        const program = one(text, 'Write solve(text).')
        expect('source' in program ? '' : program.why).toBe('')
        const { source } = program as Program
        const { statements, whole: parses } = parse(source, language)
        expect(parses).toBe(true)
        for (const [name, written] of whole) {
          const found = statements.filter(({ names }) => names.includes(name))
          expect(found.at(-1)?.text).toBe(written.replace(/\s+$/, ''))
        }
        const defined = new Set(
          statements.filter(({ kind }) => kind === 'definition').flatMap(({ names }) => names),
        )
        for (const name of lost) expect(defined).not.toContain(name)
        expect([...defined].sort()).toEqual([...whole.keys()].sort())
        expect(statements.filter(({ kind }) => kind === 'other')).toEqual([])
        for (const action of ACTIONS[language]) expect(source).not.toContain(`\n\n${action}\n`)
      }),
      { numRuns: 20 },
    )
  })

  it('ends on hostile texts', () => {
    for (const part of [
      '(',
      '[{',
      'def f(',
      '"""',
      "'",
      '```\n',
      'if x:\n ',
      '@a\n',
      'function f(',
      '`${',
      '{',
      '</',
      '\\',
    ])
      for (const head of ['```python\ndef f(x):\n    return x\n', '```js\nfunction f(x) {}\n', ''])
        programsIn('f(', [head + part.repeat(100_000 / part.length)])
    const long = `${F}\n\n${'# a comment\n'.repeat(MAX_PROGRAM_CHARS)}\ndef g():\n    pass`
    expect(sourceOf(block(long))).toBe(`${F}\n`)
  })
})
