/** Attempts as models write them, made from parts that are known. */
import fc from 'fast-check'

export interface Made {
  text: string
  /** Definitions that stand whole in the text, by name, as they were written last. */
  whole: Map<string, string>
  /** Names whose only definition is cut off. */
  lost: Set<string>
}

const FUNCTIONS: Record<'python' | 'javascript', [name: string, source: string][]> = {
  python: [
    [
      'solve',
      'def solve(text):\n    """Returns `solve("a")`.\n\n    >>> solve("b")\n    1\n    """\n    return [c for c in text if c != "("]',
    ],
    [
      'solve',
      'def solve(text: str) -> list[str]:\n    # all of it\n\n    parts = {\n"a": 1,\n    }\n    for c in text:\n        if c in parts:\n            yield\n    return parts',
    ],
    [
      'solve',
      '@lru_cache(maxsize=None)\ndef solve(*text, sep=",", **more):\n    return sep.join(f"{t!r:>{len(t)}}" for t in text)',
    ],
    ['helper', 'async def helper(n):\n    return await n'],
    ['helper', 'helper = lambda n: n + 1'],
    [
      'helper',
      'def helper(n):\n    match n:\n        case [1, *rest]:\n            return rest\n        case _:\n            return solve(n - 1) if n else None',
    ],
    [
      'Stack',
      'class Stack:\n    def __init__(self):\n        self.items = []\n\n    @property\n    def top(self):\n        return self.items[-1]\n\n    def push(self, item): self.items.append(item)',
    ],
  ],
  javascript: [
    [
      'solve',
      'function solve(text) {\n  return [...text].filter((c) => c !== "(").map((c) => `${c}}`)\n}',
    ],
    [
      'solve',
      'const solve = (text, { sep = "," } = {}) => {\n  const parts = { "a": 1 }\n\n  return /[}"]/g.test(text) ? parts : null\n};',
    ],
    ['helper', 'async function* helper(n) {\n  yield* n\n}'],
    ['helper', 'const helper = function (n) { return n ? solve(n - 1) : undefined; };'],
    [
      'Stack',
      'class Stack {\n  #items = []\n  get top() { return this.#items.at(-1) }\n  push(item) { this.#items.push(item); return this }\n}',
    ],
  ],
}
const IMPORTS = {
  python: ['import re', 'from functools import lru_cache', 'import math as m, sys'],
  javascript: ['const util = require("util")', "import fs from 'fs'"],
}
const CONSTANTS = {
  python: ['MOD = 10**9 + 7', 'NAMES: dict[str, int] = {"a": 1}', 'VOWELS = set("aeiou")'],
  javascript: ['const MOD = 1e9 + 7;', 'let NAMES = { a: 1 }', 'var VOWELS = new Set("aeiou")'],
}
/** What only does something: never part of the program. */
export const ACTIONS = {
  python: [
    'print(solve("x"))',
    'assert solve("x") == ["x"], "wrong"',
    'result = solve("(a")',
    'n = int(input())',
    'if __name__ == "__main__":\n    print(solve("main"))',
    'for case in ["a", "b"]:\n    print(solve(case))',
    '"""A note: solve("note")."""',
  ],
  javascript: [
    'console.log(solve("x"))',
    'console.assert(solve("x").length === 1)',
    'const result = solve("(a");',
    'for (const one of ["a"]) { console.log(solve(one)) }',
    'module.exports = { solve }',
  ],
}
const PROSE = [
  'Here is the solution:',
  "This function doesn't use (any) extra space. It's `O(n)`.",
  '1. First, we check the input.\n2. Then we return it: solve("prose").',
  '### Explanation\n- The `solve` function returns a list.',
  'Note that "quotes (and brackets [ may stay open.',
  '',
]

type Piece = { kind: 'function' | 'import' | 'constant' | 'action'; name: string; source: string }
type Family = 'python' | 'javascript'

const pieces = (language: Family): fc.Arbitrary<Piece> => {
  const plain = (kind: Piece['kind'], sources: string[]) =>
    fc.constantFrom(...sources).map((source): Piece => ({ kind, name: '', source }))
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(...FUNCTIONS[language])
        .map(([name, source]): Piece => ({ kind: 'function', name, source })),
    },
    { weight: 1, arbitrary: plain('import', IMPORTS[language]) },
    { weight: 1, arbitrary: plain('constant', CONSTANTS[language]) },
    { weight: 3, arbitrary: plain('action', ACTIONS[language]) },
  )
}

/** A block's pieces, each name once: JavaScript refuses a second `const`. */
const block = (language: Family) =>
  fc.uniqueArray(pieces(language), {
    minLength: 1,
    maxLength: 6,
    selector: ({ name, source }) => name || source,
  })

export interface Options {
  language: Family
  fence: 'tagged' | 'bare' | 'none'
  /** Where the last function is cut, as a share of its length; null: nowhere. */
  cut: number | null
}

/** Attempts of one to three blocks with prose between them. */
export const attempts = (options: Options): fc.Arbitrary<Made> =>
  fc
    .tuple(
      fc.array(block(options.language), { minLength: 1, maxLength: 3 }),
      fc.array(fc.constantFrom(...PROSE), { minLength: 5, maxLength: 5 }),
      fc.constantFrom(...FUNCTIONS[options.language]),
    )
    .map(([blocks, prose, last]) => make(withSolve(blocks, options), prose, last, options))

/** Ensures that the first block defines `solve`, which the actions call. */
function withSolve(blocks: Piece[][], { language }: Options): Piece[][] {
  const [first, ...rest] = blocks
  if (first!.some(({ name }) => name === 'solve')) return blocks
  const [name, source] = FUNCTIONS[language][0]!
  return [[...first!, { kind: 'function', name, source }], ...rest]
}

function make(
  blocks: Piece[][],
  prose: string[],
  [lastName, lastSource]: [string, string],
  { language, fence, cut }: Options,
): Made {
  const whole = new Map<string, string>()
  const lost = new Set<string>()
  const parts: string[] = [prose[0]!]
  for (const [i, block] of blocks.entries()) {
    for (const { kind, name, source } of block) if (kind === 'function') whole.set(name, source)
    let code = block.map(({ source }) => source).join('\n\n')
    const isLast = i === blocks.length - 1
    if (cut !== null && isLast) {
      // Within the brackets or the header, where what is left is not a statement.
      const head = lastSource.search(/\(/)
      code += `\n\n${lastSource.slice(0, head + 1 + Math.floor(cut * 3))}`
      if (!whole.has(lastName)) lost.add(lastName)
    }
    const close = cut !== null && isLast ? '' : '\n```'
    const tag = fence === 'tagged' ? language : ''
    parts.push(fence === 'none' ? code : `\`\`\`${tag}\n${code}${close}`)
    if (close !== '') parts.push(prose[i + 1]!)
  }
  return { text: parts.join('\n'), whole, lost }
}
