import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callsIn, harvest, harvestInputs, readCall } from '../../engine/agree/index.ts'
import { MAX_CALL_CHARS } from '../../engine/protocol/agreement.ts'

const f = { function: 'f', language: 'python' as const }
const inPython = (text: string) => callsIn(text, f, 'question')
const texts = (text: string) => inPython(text).map((call) => call.text)

describe('calls', () => {
  it.each([
    ['prose: f([1, 2]) and f("a")', ['f([1, 2])', "f('a')"]],
    ['assert f(1) == 2, "no"', ['f(1)']],
    ['print(f(1), f( 1 ), f(0x1))', ['f(1)']],
    ['assert f((1, 2), k=[3]) is None', ['f((1, 2), k=[3])']],
    ['Solution().f(3)', ['f(3)']],
    ['>>> f("x")\n"y"', ["f('x')"]],
    ['def f(x=1):\n    return f(x)', []],
    ['elf(1) f2(1) f (1) my_f(3)', []],
    ['f(n) f(*args) f(x for x in [1]) f(g(1)) f([1', []],
    ['items = [3, 1]\nprint(f(items))\nitems = []\nf(items)', ['f([3, 1])', 'f([])']],
    ['x = g(1)\nf(x)', []],
    ['f(\n  [1,\n   2],\n)', ['f([1, 2])']],
    ['f(f(1))', ['f(1)']],
    ["f('f(2)')", ["f('f(2)')", 'f(2)']],
  ])('finds those in %j', (text, found) => expect(texts(text)).toEqual(found))

  it.each([
    ['f(2) == 4', '4'],
    ['f(2) -> 4', '4'],
    ['f(2) → [1, 2]', '[1, 2]'],
    ['`f(2)` returns `4`.', '4'],
    ['`f(2)` should return "a".', "'a'"],
    ['f(2) evaluates to (1, 2)', '(1, 2)'],
    ['f(2)  # 4', '4'],
    ['print(f(2))  # Output: 4', '4'],
    ['print(f(2))\n# Output: 4', '4'],
    ['assert f(2) == 4, "four"', '4'],
    ['self.assertEqual(f(2), 4)', '4'],
    ['>>> f(2)\n4', '4'],
    [">>> f(2)\n'x'\n>>> f(3)", "'x'"],
    ['>>> f(2)\nhello there', 'hello there'],
    ['f(2) is None.', 'None'],
    ['f(2) returns 4 because 2 * 2 is 4', '4'],
    ['Input: 2\nOutput: 4', '4'],
    ['**Input:** n = 2\n**Output:** 4', '4'],
    ['f(2) == x', undefined],
    ['f(2) returns 3 elements', undefined],
    ['f(2) != 4', undefined],
    ['f(2) == 4 + 1', undefined],
    ['f(2)\n\n4 apples', undefined],
    ['>>> f(2)\n>>> f(3)', undefined],
    ['f(2) == 4; later f(2) == 5', undefined],
  ])('keeps the result stated in %j', (text, expected) => {
    const call = inPython(text).find((one) => one.text === 'f(2)')
    expect(call).toEqual({ text: 'f(2)', from: 'question', ...(expected && { expected }) })
  })

  it('believes results only of the question and the user', () => {
    const calls = harvest(
      {
        question: 'f(1) == 1',
        attempts: ['assert f(2) == 9', 'f(3) == 3\nf(1) == 7'],
        probe: 'f(4) == 8',
        user: [{ call: 'f(5)', expected: '25' }, { call: 'f(x)' }, { call: 'f(1)', expected: '2' }],
      },
      f,
    )
    expect(calls).toEqual([
      { text: 'f(5)', from: 'user', expected: '25' },
      { text: 'f(1)', from: 'user', expected: '2' },
      { text: 'f(4)', from: 'probe' },
      { text: 'f(2)', from: 'attempt' },
      { text: 'f(3)', from: 'attempt' },
    ])
  })

  it('takes 40: first those of the question, and of the attempts in turn', () => {
    const many = (from: number) => Array.from({ length: 30 }, (_, i) => `f(${from + i})`).join('\n')
    const calls = harvest({ question: 'f(7)', attempts: [many(100), many(200)], probe: 'f(8)' }, f)
    expect(calls).toHaveLength(40)
    expect(calls.slice(0, 5).map(({ text }) => text)).toEqual([
      'f(7)',
      'f(8)',
      'f(100)',
      'f(200)',
      'f(101)',
    ])
  })

  it('writes them in the language of the program', () => {
    const js = { function: 'f', language: 'javascript' as const }
    expect(callsIn('expect(f(None, (1, 2))).toEqual({a: [1]});', js, 'question')).toEqual([
      { text: 'f(null, [1, 2])', from: 'question', expected: "{'a': [1]}" },
    ])
    expect(readCall('f(`a`)', js)).toBe("f('a')")
    expect(readCall('g(1)', js)).toBeNull()
  })

  it('finds only literals in any text, and the same again in what it wrote', () => {
    const part = fc.constantFrom(
      ...[
        'f(',
        ')',
        '[',
        ']',
        '{',
        '}',
        ',',
        ':',
        '1',
        '-',
        '0x',
        '"',
        "'",
        '`',
        '\\',
        '\n',
        'x',
        ' = ',
      ],
      ...[
        '__import__("os").system("rm")',
        'open("a")',
        '${',
        'lambda: ',
        'f"{x}"',
        'b"',
        '# ',
        '==',
      ],
      ...['set(', 'float("nan")', 'new Set([', 'None', 'true', '(1,', '.5', 'g(', '*', '"a"'],
    )
    const text = fc.array(part, { maxLength: 30 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, fc.constantFrom('python', 'javascript'), (text, language) => {
        const called = { function: 'f', language } as const
        for (const { text: call } of callsIn(`f(1) ${text}`, called, 'attempt')) {
          expect(callsIn(call, called, 'attempt')[0]).toEqual({ text: call, from: 'attempt' })
          const bare = call
            .slice(1)
            .replace(/'(?:[^'\\]|\\.)*'/g, '')
            .replace(/\b[A-Za-z_]\w*=(?!=)/g, '')
          const words = bare.match(/[A-Za-z_]\w*(?=\()|[=*`$#]/g) ?? []
          expect(words.filter((word) => !/^(?:set|float|Set)$/.test(word))).toEqual([])
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes bounded time on hostile texts', () => {
    const size = 1 << 20
    for (const part of [
      'f(',
      'f([',
      'f(1,',
      'f("',
      "f('''",
      'f({1:',
      'f(-',
      'x=[',
      'x = 1\nf(x',
      '>>> f(1)\n',
      'Input: ',
      'Input: 1, ',
      'f( # ',
      'f(\\',
      'new ',
    ]) {
      const calls = callsIn(part.repeat(size / part.length), f, 'question')
      expect(calls.every(({ text }) => text.length <= MAX_CALL_CHARS)).toBe(true)
    }
    expect(texts(`f(${'['.repeat(500)}${']'.repeat(500)})`)).toEqual([])
    expect(texts(`f('${'x'.repeat(MAX_CALL_CHARS)}')`)).toEqual([])
  })
})

describe('inputs', () => {
  it('come from examples, with their outputs', () => {
    const question = [
      'Input consists of a line.',
      '',
      'Input:',
      '3',
      '1 2 3',
      'Output:',
      '6',
      '',
      '**Sample Input 2**',
      '```',
      '1',
      '',
      '5',
      '```',
      '### Sample Output 2',
      '```text',
      '5',
      '```',
      'Example input: 4',
    ].join('\n')
    expect(harvestInputs({ question, attempts: ['Input:\n9\n\nOutput:\n9'] })).toEqual([
      { text: '3\n1 2 3\n', from: 'question', expected: '6' },
      { text: '1\n\n5\n', from: 'question', expected: '5' },
      { text: '4\n', from: 'question' },
      { text: '9\n', from: 'attempt' },
    ])
  })

  const inputs = (question: string, probe?: string) =>
    harvestInputs({ question, attempts: [], probe }).map(({ text, expected }) =>
      expected === undefined ? text : [text, expected],
    )

  it.each([
    ['1. `3 4`\n2. `0 5`: zero\n- `-1 7`', ['3 4\n', '0 5\n', '-1 7\n']],
    ['1. 3 4\n2) 0 5\n3. An empty line', ['3 4\n', '0 5\n']],
    ['* `2\\n1 2`', ['2\n1 2\n']],
    ['Input 1:\n3 4\n\nInput 2: `5`', ['3 4\n', '5\n']],
    ['```\n1 2\n\n3 4\n```', ['1 2\n', '3 4\n']],
    ['```\n2\n1\n---\n1\n0\n```', ['2\n1\n', '1\n0\n']],
    ['```\nInput 1:\n2\n1\n\nInput 2:\n5\n```', ['2\n1\n', '5\n']],
    ['```\n1\n\n2\n```\n```\n3\n```', ['1\n\n2\n', '3\n']],
    ['```\n5\n0\n```', ['5\n0\n']],
  ])('are read from the probe %j', (probe, expected) =>
    expect(inputs('Read numbers from stdin.', probe)).toEqual(expected),
  )

  it('are lines of a block where the task reads one', () => {
    const probe = '```\n5\n0\n```'
    expect(inputs('Read an integer and print its square.', probe)).toEqual(['5\n', '0\n'])
    expect(inputs('Read an integer, then that many lines.', probe)).toEqual(['5\n0\n'])
    expect(inputs('Input: 7', probe)).toEqual(['7\n', '5\n', '0\n'])
  })

  it.each([
    ['For example, given the input `5` the program should print `25`.', [['5\n', '25']]],
    ['If the input is `1 2`, the output is `3`.', [['1 2\n', '3']]],
    ['例如输入 `5`，输出 `25`。', [['5\n', '25']]],
    ['输入样例：\n3\n\n输出样例：\n9', [['3\n', '9']]],
    ['The input has `n` lines.', []],
  ])('are read from %j', (question, expected) => expect(inputs(question)).toEqual(expected))

  it('are all blocks of a probe, each once', () => {
    const probe = '1.\n```\n3\n```\n2.\n```text\n4\n```\n```python\nprint(1)\n```\n```\n3\n```'
    expect(
      harvestInputs({ question: '', attempts: [], probe, user: [{ call: '3', expected: '1' }] }),
    ).toEqual([
      { text: '3\n', from: 'user', expected: '1' },
      { text: '4\n', from: 'probe' },
    ])
  })
})
