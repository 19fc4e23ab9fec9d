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
    ['a fence at the end of the last line', `\`\`\`python\n${F}\`\`\`\nDone.`, F],
    ['a fence behind a number', `1. \`\`\`python\n   def f(x):\n       return x\n   \`\`\``, F],
    ['a fence behind a colon', `Here: \`\`\`python\n${F}\n\`\`\``, F],
    ['a block in a block', `\`\`\`\`markdown\nSo:\n${block(F)}\n\`\`\`\``, F],
    ['a block in a block of as many marks', `\`\`\`markdown\nSo:\n${block(F)}\n\`\`\``, F],
    ['HTML', `<p>So:</p><pre><code class="language-python">${F}\n</code></pre>`, F],
    [
      'HTML with entities',
      '<pre>\ndef f(x):\n    return x &lt; 1 &amp;&amp; x\n</pre>'.replace(' &amp;&amp; x', ''),
      'def f(x):\n    return x < 1',
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
      'f = lambda x: g(x) + PRIMES',
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

  const python = (...lines: string[]) => lines.join('\n')
  it.each([
    [
      'a table',
      ['def build(n):\n    return [0] * n', 'table = build(9)', 'def f(x):\n    return table[x]'],
    ],
    [
      'a loop',
      [
        'primes = []',
        'for i in range(9):\n    if i % 2:\n        primes.append(i)',
        'def f(x):\n    return primes[x]',
      ],
    ],
    [
      'a loop over parts',
      [
        'sieve = [1] * 9',
        'for i in range(3):\n    sieve[i] = 0',
        'def g(x):\n    return sieve[x]',
        'def f(x):\n    return g(x)',
      ],
    ],
    ['settings', ['import sys', 'sys.setrecursionlimit(10**6)', F]],
    [
      'a function that fills',
      ['memo = {}', 'def fill():\n    memo[1] = 2', 'fill()', 'def f(x):\n    return memo[x]'],
    ],
    [
      'a global',
      ['def fill():\n    global t\n    t = [1]', 'fill()', 'def f(x):\n    return t[x]'],
    ],
    ['an alias', ['def g(x):\n    return x', 'f = g']],
    ['a wrapped function', ['def memo(f):\n    return f', 'f = memo(lambda x: x)']],
    [
      'a sum',
      ['total = 0', 'for i in range(3):\n    total += i', 'def f(x):\n    return total + x'],
    ],
  ])('keep what the function needs: %s', (_, lines) => {
    const code = lines.join('\n\n')
    const shown = ['result = f(3)', 'for result in [1]:\n    print(f(result))', 'print(result)']
    expect(sourceOf(block(`${code}\n\n${shown.join('\n\n')}`))).toBe(`${code}\n`)
  })

  it('leave out what only uses the function, whatever its names', () => {
    const code =
      'def f(x):\n    result = x\n    for i in x:\n        result += i\n    return result'
    const shown = python(
      'result = f([1])',
      'tests = make()',
      'for i in tests:\n    result = f(i)',
      'data = open("data.txt").read()',
      'args = parser.parse_args()',
      'if __name__ == "__main__":\n    x = f([2])',
      'assert f([1]) == 1',
    )
    expect(sourceOf(block(`${code}\n${shown}`))).toBe(`${code}\n`)
    const js =
      'function f(x) { console.log(x); return table[x] }\n\nconst table = make(3)\n\nfunction make(n) { return [n] }'
    expect(sourceOf(block(`${js}\n\nconsole.log(f(1))\nconst one = f(2)`, 'js'))).toBe(`${js}\n`)
  })

  it.each([
    'exports.f = function g(x) { return x + 1 }',
    'module.exports.f = (x) => x + 1',
    'module.exports = function f(x) { return x + 1 }',
    'module.exports = (x) => x + 1;',
    'module.exports = { f(x) { return x + 1 } }',
    'function g(x) { return x + 1 }\nmodule.exports = { f: g }',
    'function f(x) { return x + 1 }\nmodule.exports = { f }',
    'const u = { f: (x) => x + 1 }\nconst { f } = u',
    'const u = { f: (x) => x + 1 }',
    'const u = {}\nu.f = function (x) { return x + 1 }',
    'f = (x) => x + 1',
    'export default function f(x) { return x + 1 }',
    'export default function (x) { return x + 1 }',
    'export default (x) => x + 1;',
    'export const f = (x) => x + 1',
    'function g(x) { return x + 1 }\nexport { g as f }',
    'const memo = (g) => (x) => g(x)\nconst f = memo((x) => x + 1)',
    'const one = [1]\nfor (let i = 0; i < 2; i++) one.push(i)\nconst f = (x) => x + one.pop()',
    'class A { constructor(n = 1) { this.n = n } f(x) { return x + this.n } }',
    'class A { constructor(n) { this.n = n } static f(x) { return x + 1 } }',
  ])('are found in %j', (code) => {
    const source = sourceOf(block(code, 'js'), 'Write f(x) in JavaScript.')
    const module = 'const module = { exports: {} }; const exports = module.exports'
    expect(source).not.toBeNull()
    expect(new Function(`${module};${source}; return f(1)`)()).toBe(2)
  })

  it('are of the language of their fence, whatever it says', () => {
    for (const tag of ['constructor', '__proto__', 'hasOwnProperty'])
      expect(programsIn('Write f(x).', [block(F, tag), block(F)]).programs[1]).toMatchObject({
        source: `${F}\n`,
      })
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
    const defaults =
      'class A:\n    def __init__(self, n=2, *rest, k: int = 1, **more):\n        pass\n    def f(self, x):\n        return x'
    expect(sourceOf(block(defaults))).toBe(`${defaults}\n\nf = A().f\n`)
    const fixed =
      'class A:\n    def __init__(self, n):\n        pass\n    @staticmethod\n    def f(x):\n        return x'
    expect(sourceOf(block(fixed))).toBe(`${fixed}\n\nf = A.f\n`)
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
    ['编写一个名为 is_even 的函数', 'is_even'],
    ['函数is_even返回布尔值', 'is_even'],
    ['Schreibe eine Funktion is_even, die zählt.', 'is_even'],
    ['Écris une fonction appelée « is_even ».', 'is_even'],
    ['Escribe una función llamada is_even', 'is_even'],
    ['is_even という関数を書いてください。', 'is_even'],
  ])('of %j is %s', (question, name) => expect(nameOf(question, first)).toBe(name))

  it.each([
    ['Write code. Function name: add', 'add'],
    ['Write a function called `add`, with a helper `f`.', 'add'],
    ['编写一个名为 add 的函数，返回和。', 'add'],
    ['实现函数 add。', 'add'],
    ['函数名：add', 'add'],
    ['函数 add 返回两数之和', 'add'],
    ['Write the add function.', 'add'],
    ['関数 add を実装してください', 'add'],
    ['Implementiere die Funktion add.', 'add'],
    ['Use f(x) in a function named add.', 'add'],
    ['Write a function f that adds.', 'f'],
  ])('of %j is %s, though it is a plain word', (question, name) => {
    const code =
      'def add(a, b):\n    return f(a) + f(b)\n\ndef f(x):\n    return x\n\ndef a(x):\n    return x'
    expect(nameOf(question, code)).toBe(name)
  })

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

  it.each([
    'Write a program that reads an integer n from standard input and prints fib(n), the n-th number (fib(0) = 0).',
    'Read n and print fib(n). The function fib grows fast.',
    '从标准输入读取 n，输出 fib(n)。',
    'Given n, print fib(n).\n\nInput Format\n\nOne integer.\n\nSample Input\n\n5',
  ])('are asked for by %j', (question) => {
    const fib = 'def fib(n):\n    return n\n\nn = int(input())\nprint(fib(n))'
    const attempts = [fib, 'print(int(open(0).read()))', 'import os\nprint(os.read(0, 9))'].map(
      (code) => block(code),
    )
    const { function: name, programs } = programsIn(question, attempts)
    expect([name, programs.every((program) => 'source' in program)]).toEqual([null, true])
    const wanted = 'Write a function fib(n). A program reads n from stdin and prints fib(n).'
    expect(programsIn(wanted, attempts).function).toBe('fib')
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
      ' ',
      ': ',
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
