import { Command } from 'commander'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { addAgree } from '../../engine/cli/agree.ts'

/** `braid agree` from a file to its lines, with the sandbox that it starts itself. */
const folder = mkdtempSync(join(tmpdir(), 'braid-agree-sandbox-'))
afterAll(() => rmSync(folder, { recursive: true }))

const block = (tag: string, code: string) => `Here:\n\n\`\`\`${tag}\n${code}\n\`\`\`\n`
const js = (code: string) => block('js', code)
const ts = (code: string) => block('ts', code)
const python = (code: string) => block('python', code)

interface Case {
  what: string
  question: string
  attempts: string[]
  probe?: string
  expected: { function: string | null; winner: number | null; agreement: (number | string)[] }
}

const CASES: Case[] = [
  {
    what: 'JavaScript, however it exports',
    question: 'Write a JavaScript function `uniq(list)`.',
    attempts: [
      js('const uniq = (list) => list.slice(1)'),
      js('exports.uniq = (list) => [...new Set(list)]'),
      js('module.exports = { uniq(list) { return list.filter((x, i) => list.indexOf(x) === i) } }'),
      js('async function uniq(list) { return Array.from(new Set(list)) }\nconsole.log(uniq([1]))'),
    ],
    probe: 'uniq([1, 1, 2])\nuniq([])\nuniq(["a", "a"])',
    // The first is wrong for the call in the last attempt only.
    expected: { function: 'uniq', winner: 1, agreement: [9, 11, 11, 11] },
  },
  {
    what: 'TypeScript',
    question: 'Implement `area(r: number): number` in TypeScript.',
    attempts: [
      ts(
        'enum Kind { Circle }\nexport function area(r: number): number { return Math.PI * r ** 2 }',
      ),
      ts('const area = (r: number): number => r * r * Math.PI'),
      ts('namespace N { export const pi = 3 }\nexport const area = (r: number) => N.pi * r * r'),
    ],
    probe: 'area(2)\narea(1e9)',
    expected: {
      function: 'area',
      winner: 0,
      agreement: [2, 2, 'The sandbox has no TypeScript namespaces.'],
    },
  },
  {
    what: 'Python: a table, a coroutine, floats, an in-place function, a cut-off text',
    question: 'Write `scale(xs)`, which divides each number of a list by 3 in place.',
    attempts: [
      '```python\ndef scale(xs):\n    for i in range(len(xs)):\n        xs[i] = xs[i] * (1 / 3)',
      python(
        'def make(n):\n    return 1 / n\n\nTHIRD = make(3)\n\nasync def scale(xs):\n    xs[:] = [x * THIRD for x in xs]',
      ),
      python('def scale(xs):\n    xs[:] = [x / 3 for x in xs]'),
      python('def scale(xs):\n    return None'),
      '```python\ndef scale(xs):\n    xs[:] = [x / 3 for x in',
    ],
    probe: 'scale([1, 2])\nscale([0.1, 7])\nscale([])',
    // The first may be cut off, so it is behind its equals.
    expected: { function: 'scale', winner: 1, agreement: [7, 7, 7, 3, 'no function'] },
  },
  {
    what: 'standard input, with a function in prose',
    question:
      'Write a program that reads an integer n from standard input and prints fib(n), where fib(0) = 0.\n\nInput: 1\nOutput: 1\n',
    attempts: [
      python(
        'def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\nprint(fib(int(input())))',
      ),
      python('a, b = 0, 1\nfor _ in range(int(open(0).read())):\n    a, b = b, a + b\nprint(a)'),
      python('import os\nprint(int(os.read(0, 99)))'),
      '```python\nn = int(input())\nprint(n if n < 2 else fib(',
    ],
    probe: '1. `5`\n2. `10`\n3. `2`',
    expected: {
      function: null,
      winner: 0,
      agreement: [6, 6, 4, 'no whole program that reads its input'],
    },
  },
]

it('judges JavaScript, TypeScript, Python, standard input and cut-off texts', async () => {
  const file = join(folder, 'attempts.jsonl')
  const lines = CASES.map(({ question, attempts, probe }) => ({ question, attempts, probe }))
  writeFileSync(file, lines.map((line) => JSON.stringify(line)).join('\n'))
  let stdout = ''
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      if (name === 'stdout') stdout += String(text)
      return true
    }),
  )
  try {
    const program = new Command()
    addAgree(program)
    await program.parseAsync(['agree', file], { from: 'user' })
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  const results = stdout
    .trimEnd()
    .split('\n')
    .map(
      (line) =>
        JSON.parse(line) as {
          function: string | null
          winner: number | null
          programs: { agreement: number; abstained: string | null }[]
        },
    )
  expect(results).toHaveLength(CASES.length)
  for (const [i, { what, expected }] of CASES.entries()) {
    const { function: name, winner, programs } = results[i]!
    const agreement = programs.map(({ agreement, abstained }) => abstained ?? agreement)
    expect({ function: name, winner, agreement }, what).toEqual(expected)
  }
})
