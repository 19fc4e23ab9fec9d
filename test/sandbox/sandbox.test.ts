import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { Sandbox, sandboxFolder, type Job } from '../../engine/sandbox/index.ts'
import { sourceOptions } from '../../engine/programs/index.ts'
import { groupOutcomes } from '../../engine/protocol/results.ts'
import { REASONS } from '../../engine/protocol/wording.ts'
import { root } from '../../scripts/renderer.ts'
import { worded } from './worded.ts'

const { signal } = new AbortController()
// Far more than a job takes: these tests are not about time.
const patient = { ms: 60_000 }
const sandbox = new Sandbox(patient)
const temporary = mkdtempSync(join(tmpdir(), 'braid-sandbox-test-'))
afterAll(async () => {
  await sandbox.close()
  rmSync(temporary, { recursive: true })
})

const raw = (job: Job) => sandbox.run(job, signal)
/** Runs a job; reasons are in English. */
const run = async (job: Job) => (await raw(job)).map(worded)
const python = (program: string, ...calls: string[]) => run({ language: 'python', program, calls })
const javascript = (program: string, ...calls: string[]) =>
  run({ language: 'javascript', program, calls })

/** Groups of expressions: those in one group are equal, those of two groups are not. */
const PYTHON_GROUPS = [
  [
    '1',
    'True',
    '1.0',
    '3 - 2',
    '1 + 1e-12',
    'Fraction(2, 2)',
    'Decimal("1.00")',
    '1 + 0j',
    'One.A',
  ],
  ['0', 'False', '0.0', '-0.0', '0.1 + 0.2 - 0.3'],
  ['0.3', '0.1 + 0.2', 'Decimal("0.3")', '3e-1'],
  ['0.30001'],
  ['10 ** 20', '100000000000000000000'],
  ['10 ** 20 + 1'],
  ['1e21', '1e21 * (1 + 1e-15)', '10 ** 21'],
  ['123456789.25', '123456789.25000001'],
  ['123456789'],
  ['1.000000002'],
  ['1.234567885', '1.2345678850000001', '1.23456788499999997'],
  ['[0.1 + 0.2, {"a": (1 / 3,)}]', '[0.3, {"a": (0.33333333333333337,)}]'],
  ['{0.1 + 0.2, 1 - 1e-16, 5}', '{5, 0.3, 1}'],
  ['{9.999999999999998: "a", 5: "b"}', '{10: "a", 5: "b"}'],
  ['float("nan")', 'float("inf") - float("inf")'],
  ['float("inf")', '1e999'],
  ['10 ** 9000', '10 ** 4500 * 10 ** 4500'],
  ['None'],
  ['"1"', 'str(1)'],
  ['b"1"', 'bytearray(b"1")'],
  ['"None"'],
  ['[1, 2]', '[1.0, 2]', 'list(range(1, 3))', '[One.A, 2]'],
  ['[2, 1]'],
  ['(1, 2)', 'tuple([1, 2])', 'Pair(1, 2)'],
  ['(1,)'],
  ['range(1, 3)', 'range(1, 3, 1)'],
  ['{1, 2}', '{2, 1}', 'frozenset([1, 2])', '{1: 0, 2: 0}.keys()'],
  ['{}', 'dict()', 'Counter()'],
  ['set()'],
  ['[]'],
  ['()'],
  [
    '{"a": 1, "b": 2}',
    '{"b": 2, "a": 1}',
    'OrderedDict(b=2, a=1)',
    'Counter("abb")',
    'defaultdict(int, a=1, b=2)',
  ],
  ['{"a": 1, "b": 3}'],
  ['{1: {2: [3, (4,)]}}', '{1.0: {2: [3.0, (4,)]}}'],
  ['deque([1, 2])'],
  ['iter([1, 2])', '(x for x in (1, 2))', 'map(int, "12")'],
  ['itertools.count()', '(i for i in range(10 ** 9))'],
  ['itertools.count(1)'],
  ['late(7)', 'Awaitable()', '7'],
  ['drops(2)', '[0, 1]'],
  ['Point(1, 2)', 'Point(1.0, 2)'],
  ['Point(2, 1)'],
  ['Node(Node(None))'],
  ['Color.RED'],
  ['datetime.date(2020, 1, 2)', 'datetime.date.fromisoformat("2020-01-02")'],
]
const PYTHON_PRELUDE = `
import datetime, enum, itertools
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
Pair = namedtuple('Pair', 'a b')
class One(enum.IntEnum):
    A = 1
class Color(enum.Enum):
    RED = 1
@dataclass
class Point:
    x: int
    y: int
class Node:
    __slots__ = ('next',)
    def __init__(self, next): self.next = next
async def late(x):
    return await later(x)
async def later(x):
    return x
async def drops(n):
    for i in range(n): yield await late(i)
class Awaitable:
    def __await__(self): return late(7).__await__()
`

const JAVASCRIPT_GROUPS = [
  ['1', '1.0', '3 - 2', '1 + 1e-12', 'new Number(1)'],
  ['1n', '2n - 1n'],
  ['0', '-0', '0.1 + 0.2 - 0.3'],
  ['0.3', '0.1 + 0.2'],
  ['1e21', '1e21 * (1 + 1e-15)'],
  ['9007199254740991'],
  ['123456789.25'],
  ['123456789'],
  ['1.000000002'],
  ['{ a: [0.1 + 0.2] }', '{ a: [0.3] }'],
  ['new Set([0.1 + 0.2, 1 - 1e-16, 5])', 'new Set([5, 1, 0.3])'],
  ['new Map([[9.999999999999998, 1], [5, 2]])', 'new Map([[10, 1], [5, 2]])'],
  ['(function* () { for (let i = 0; ; i++) yield i })()'],
  ['NaN', '0 / 0', 'Number("x")'],
  ['Infinity', '1 / 0'],
  ['true', '1 === 1'],
  ['undefined', 'void 0'],
  ['null'],
  ['"1"', 'String(1)'],
  ['[1, 2]', '[1.0, 2]', 'Promise.resolve([1, 2])', '(async () => [1, 2])()'],
  ['[2, 1]'],
  ['[]'],
  ['{}', 'new Object()', 'Object.create(null)'],
  ['{ a: 1, b: [2] }', '{ b: [2], a: 1 }'],
  ['{ a: undefined }'],
  ['[undefined]', '[,]'],
  ['new Map([[1, 2], [3, 4]])', 'new Map([[3, 4], [1, 2]])'],
  ['new Set([1, 2])', 'new Set([2, 1])'],
  ['new Set()'],
  ['new Map()'],
  ['new Uint8Array([1, 2])'],
  ['new Point(1)'],
  ['[1, 2].values()', '(function* () { yield 1; yield 2 })()'],
  ['new Date(5)'],
  ['/a/g'],
]

describe('values are compared by what they are', () => {
  it.each([
    ['Python', 'python', PYTHON_PRELUDE, PYTHON_GROUPS],
    [
      'JavaScript',
      'javascript',
      'class Point { constructor(x) { this.x = x } }',
      JAVASCRIPT_GROUPS,
    ],
  ] as const)('%s', async (_, language, program, groups) => {
    const outcomes = await raw({ language, program, calls: groups.flat() })
    for (const [i, outcome] of outcomes.entries())
      expect(outcome, groups.flat()[i]).toHaveProperty('value')
    const { cells } = groupOutcomes(outcomes)
    let at = 0
    for (const [i, group] of groups.entries())
      for (const expression of group) expect(cells[at++], expression).toBe(i)
  })

  it('errors are told, and values without a text', async () => {
    const calls = ['1 / 0', 'f', 'f()']
    const outcomes = await raw({ language: 'python', program: 'f = lambda: 1', calls })
    expect(outcomes.map(worded)).toEqual([
      { error: 'ZeroDivisionError: division by zero' },
      { abstained: 'It returns a function or a class.' },
      { value: '1' },
    ])
  })

  it('a long text is cut, and its digest still tells it from others', async () => {
    const calls = ['"a" * 30_000', '"a" * 30_000', '"a" * 29_999 + "b"']
    const sevenths = ['i / 7', 'i * (1 / 7)', '(i + 1e-5) / 7'].map(
      (x) => `[${x} for i in range(3_000)]`,
    )
    const outcomes = await raw({ language: 'python', program: '', calls: [...calls, ...sevenths] })
    for (const outcome of outcomes)
      expect((outcome as { value: string }).value.length).toBeLessThan(16_500)
    expect(groupOutcomes(outcomes).cells).toEqual([0, 0, 1, 2, 2, 3])
  })
})

describe('programs', () => {
  it('each call begins with a fresh run of the program', async () => {
    expect(
      await python(
        'seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)',
        'f(1)',
        'f(1)',
      ),
    ).toEqual([{ value: '1' }, { value: '1' }])
    expect(await javascript('let n = 0\nconst f = () => ++n', 'f()', 'f()')).toEqual([
      { value: '1' },
      { value: '1' },
    ])
  })

  it('a Python program has the standard library, and is __main__ only with inputs', async () => {
    const program = [
      'import sys, re, math, heapq, bisect, string, itertools, functools, collections, statistics, json',
      'def f(): return [__name__, re.sub("a", "b", "aa"), math.isqrt(10), string.ascii_lowercase[:3],',
      '  list(itertools.permutations([1, 2])), functools.reduce(int.__add__, [1, 2]), heapq.nsmallest(1, [2, 1]),',
      '  statistics.mean([1, 2]), json.dumps({"a": 1}), bisect.bisect([1, 2], 2)]',
      'if __name__ == "__main__":',
      '    print("Main", *sorted(input().split()), sys.stdin.readline())',
    ].join('\n')
    const outcomes = await run({
      language: 'python',
      program,
      calls: ['f()'],
      inputs: ['b a\nc\n', 'x'],
    })
    expect(outcomes).toEqual([
      {
        value: `['program', 'bb', 3, 'abc', [(1, 2), (2, 1)], 3, [1], 1.5, '{"a": 1}', 2]`,
      },
      { printed: 'Main a b c' },
      { printed: 'Main x' },
    ])
  })

  it('a JavaScript program reads its input as in Node', async () => {
    const inputs = ['1 2\n3 4\n']
    const sum = 'line.split(" ").reduce((sum, x) => sum + +x, 0)'
    for (const program of [
      `for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\\n')) console.log(${sum})`,
      `const fs = require('node:fs'); fs.readFileSync('/dev/stdin', 'utf8').trim().split('\\n').forEach((line) => console.log(${sum}))`,
      `require('readline').createInterface({ input: process.stdin }).on('line', (line) => console.log(${sum}))`,
      `let all = ''; process.stdin.on('data', (part) => (all += part)).on('end', () => all.trim().split('\\n').forEach((line) => console.log(${sum})))`,
      `(async () => { for await (const line of require('readline').createInterface({})) process.stdout.write(${sum} + '\\n') })()`,
      `const fs = require('fs'); fs.readFileSync(process.stdin.fd, 'utf8').trim().split('\\n').forEach((line) => console.log(${sum}))`,
      `import * as readline from 'node:readline/promises'\nconst all = readline.createInterface({ input: process.stdin })\nfor (let i = 0; i < 2; i++) { const line = await all.question(''); console.log(${sum}) }`,
      `const { createInterface } = require('readline').promises\nfor await (const line of createInterface({})) console.log(${sum})`,
      `import fs from 'fs'\nfor (const line of fs.readFileSync(0).trim().split('\\n')) console.log(${sum})\nexport {}`,
    ])
      expect(await run({ language: 'javascript', program, calls: [], inputs }), program).toEqual([
        { printed: '3\n7' },
      ])
  })

  it('TypeScript runs without its types, in calls as well', async () => {
    const program = [
      'interface Item { price: number; tags?: string[] }',
      'enum Kind { A = 1, B }',
      'export function total<T extends Item>(items: readonly T[]): number {',
      '  return items.reduce((sum: number, item) => sum + (item as Item).price!, 0) + Kind.B',
      '}',
      'export default class Box<T> { constructor(private readonly value: T) {} get() { return this.value } }',
    ].join('\n')
    expect(
      await run({
        language: 'typescript',
        program,
        calls: ['total([{ price: 2 } as Item])', 'new Box<number>(3).get()', 'total(null!)'],
      }),
    ).toEqual([{ value: '4' }, { value: '3' }, { error: expect.stringMatching(/^TypeError/) }])
  })

  it('what is printed counts if nothing is returned', async () => {
    expect(
      await python(
        'def f(): print("a", 1)\ndef g():\n  print("a")\n  return 2',
        'f()',
        'g()',
        'None',
      ),
    ).toEqual([{ printed: 'a 1' }, { value: '2' }, { value: 'None' }])
    expect(await javascript('', 'console.log("a", [1, "b"], { c: null })')).toEqual([
      { printed: "a [ 1, 'b' ] { c: null }" },
    ])
  })

  it('what a call changes in its arguments counts if it returns nothing', async () => {
    const program = [
      'def rotate(a, k):\n    a[:] = a[-k:] + a[:-k]',
      'def second(a, b): b.append(len(a))',
      'def idle(a): return None',
      'def told(a): a.append(1); return a',
      'async def later(a): a.sort()',
    ].join('\n')
    const calls = ['rotate([1, 2, 3], 1)', 'second([], [])', 'second(b=[], a=[1])', 'idle([1])']
    expect(await python(program, ...calls, 'told([])', 'later([2, 1])')).toEqual([
      { changed: '[3, 1, 2]' },
      { changed: '{2: [0]}' },
      { changed: "{'b': [1]}" },
      { value: 'None' },
      { value: '[1]' },
      { changed: '[1, 2]' },
    ])
    const script = [
      'const rotate = (a, k) => void a.unshift(...a.splice(-k))',
      'function second(a, b) { b.set(a.length, 1) }',
      'function idle(a) { console.log("idle") }',
      'const sort = async (a) => { await null; a.sort() }',
    ].join('\n')
    expect(
      await javascript(
        script,
        'rotate([1, 2, 3], 1)',
        'second([], new Map())',
        'idle([])',
        'sort([2, 1])',
      ),
    ).toEqual([
      { changed: '[3, 1, 2]' },
      { changed: '{2: Map{0: 1}}' },
      { printed: 'idle' },
      { changed: '[1, 2]' },
    ])
  })

  it.each([
    'n = int(input())\nprint(n * 2)',
    'print(int(open(0).readline()) * 2)',
    'with open("/dev/stdin", "rb") as f:\n    print(int(f.read().split()[0]) * 2)',
    'import os\nprint(int(os.read(0, 1 << 20).split()[0]) * 2)',
    'import os, io\ninput = io.BytesIO(os.read(0, os.fstat(0).st_size)).readline\nprint(int(input()) * 2)',
    'import os, sys\nprint(int(os.fdopen(sys.stdin.fileno()).read()) * 2)',
    'import sys\nprint(int(sys.stdin.buffer.readline()) * 2, file=open(1, "w"))',
    'import fileinput\nfor line in fileinput.input():\n    print(int(line) * 2)',
    'import sys\nasync def read(): return sys.stdin.readline()\nprint(int(await read()) * 2)',
    'from pathlib import Path\nprint(int(Path("/dev/stdin").read_text()) * 2)',
  ])('a Python program reads its input as %j', async (program) => {
    const job: Job = { language: 'python', program, calls: [], inputs: ['21\n'] }
    expect(await run(job)).toEqual([{ printed: '42' }])
  })

  it.each([
    ['python', 'import numpy as np', '1', 'The sandbox has no module numpy.'],
    ['python', 'from torch.nn import Module', '1', 'The sandbox has no module torch.'],
    ['python', 'import asyncio', '1', 'The sandbox has no module asyncio.'],
    ['python', '', 'open("data.csv")', 'It needs files, which the sandbox does not have.'],
    ['javascript', 'const _ = require("lodash")', '1', 'The sandbox has no module lodash.'],
    ['javascript', 'import _ from "lodash"', '1', 'The sandbox has no module lodash.'],
    ['javascript', '', 'new Intl.NumberFormat()', 'The sandbox has no Intl.'],
    ['javascript', '', '(12345).toLocaleString()', 'The sandbox has no locales.'],
    ['javascript', '', 'document.body', 'The sandbox has no document.'],
    ['javascript', 'require("constructor")', '1', 'The sandbox has no module constructor.'],
    ['javascript', 'const x = await 1', 'x', 'The sandbox has no top-level await.'],
    [
      'typescript',
      'namespace N { export const a = 1 }',
      '1',
      'The sandbox has no TypeScript namespaces.',
    ],
    ['python', '', '(lambda: 1)', 'It returns a function or a class.'],
    ['python', '', '[object()]', 'It returns an object without a value to compare (object).'],
    ['python', 'class A: pass', 'A()', 'It returns an object without a value to compare (A).'],
    [
      'python',
      'async def f(): return 1',
      '[f()]',
      'It returns an object without a value to compare (coroutine).',
    ],
    [
      'python',
      'import types\nasync def f(): return await g()\n@types.coroutine\ndef g(): yield',
      'f()',
      'It waits for an event loop, which the sandbox does not have.',
    ],
    ['javascript', '', 'Array', 'It returns a function or a class.'],
    ['javascript', '', 'Symbol()', 'It returns a symbol.'],
    ['javascript', '', '[Promise.resolve()]', 'It returns a promise inside a value.'],
    [
      'javascript',
      'class A { #x = 1 }',
      'new A()',
      'It returns an object without a value to compare (A).',
    ],
  ] as const)(
    'what the sandbox lacks makes a program abstain: %s %s %s',
    async (language, program, call, abstained) => {
      expect(await run({ language, program, calls: [call] })).toEqual([{ abstained }])
    },
  )

  it.each([
    ['python', '[0] * 10_001', 'It returns a value of more than 10000 items.'],
    ['python', '"x" * 70_000', 'It returns a value of more than 64 KB.'],
    ['python', 'f()', 'It returns a value that is nested too deeply.'],
    ['python', 'print("x" * 70_000)', 'It prints more than 64 KB.'],
    ['javascript', 'Array(10_001).fill(0)', 'It returns a value of more than 10000 items.'],
    ['javascript', 'f()', 'It returns a value that is nested too deeply.'],
    ['javascript', 'new Promise(() => {})', 'Its promise is never settled.'],
    ['javascript', 'process.exit(3)', 'It exits with code 3.'],
    ['javascript', 'console.log("x".repeat(70_000))', 'It prints more than 64 KB.'],
  ] as const)('what ends a call is told: %s %s', async (language, call, error) => {
    const program =
      language === 'python'
        ? 'def f():\n    a = []\n    a.append(a)\n    return a'
        : 'function f() { const a = []; a.push(a); return a }'
    expect(await run({ language, program, calls: [call] })).toEqual([{ error }])
  })

  it('every reason that the drivers give has words', () => {
    for (const name of ['driver.py', 'driver.js']) {
      const text = readFileSync(join(root, 'engine', 'sandbox', 'child', name), 'utf8')
      const codes = [...text.matchAll(/['"]((?:returns|lacks)-[\w-]+|slow)\b/g)].map(
        ([, code]) => code,
      )
      expect(codes.length).toBeGreaterThan(4)
      for (const code of codes) expect(REASONS).toHaveProperty([code!])
    }
  })

  it('a program that cannot be parsed fails, in each of its calls', async () => {
    expect(await python('def f(:', 'f()', '1')).toEqual(
      Array(2).fill({ error: expect.stringMatching(/^SyntaxError/) }),
    )
    expect(await javascript('function (', 'f()', '1')).toEqual(
      Array(2).fill({ error: expect.stringMatching(/^SyntaxError/) }),
    )
  })

  it('gives the same result in every process: order of sets, chance, date', async () => {
    const job: Job = {
      language: 'python',
      program: 'import random, datetime, uuid, os',
      calls: [
        'list({"a", "b", "c", "d"})',
        'random.random()',
        'datetime.date.today()',
        'hash("x")',
        'os.urandom(4)',
        'uuid.uuid4()',
      ],
    }
    const other = new Sandbox(patient)
    expect(await other.run(job, signal)).toEqual(await run(job))
    await other.close()
    const chance = ['Math.random()', 'new Date().getFullYear()']
    expect(await javascript('', ...chance)).toEqual(await javascript('', ...chance))
  })

  it('has the memory that is allowed and no more', async () => {
    expect(await python('', 'len([0] * 15_000_000)', 'len([0] * 40_000_000)')).toEqual([
      { value: '15000000' },
      { error: 'MemoryError' },
    ])
    expect(
      await javascript('', 'new Uint8Array(50e6).length', 'new Uint8Array(150e6).length'),
    ).toEqual([{ value: '50000000' }, { error: expect.stringMatching(/memory/) }])
  })

  it('refuses texts that are too long', async () => {
    expect(await python('#'.repeat(300_000), '1')).toEqual([
      { abstained: 'The program or an input is too long.' },
    ])
  })
})

describe('the child', () => {
  /** Returns a folder with another program in the place of the child's. */
  const pretend = (source: string): string => {
    const folder = mkdtempSync(join(temporary, 'child-'))
    writeFileSync(join(folder, 'main.mjs'), source)
    return folder
  }
  const answering = (act: string): string => `
    import { createInterface } from 'node:readline'
    const reply = (message) => process.stdout.write(JSON.stringify(message) + '\\n')
    reply({ ready: true })
    for await (const line of createInterface({ input: process.stdin })) {
      const { id } = JSON.parse(line)
      ${act}
    }`

  const GOOD = answering(`
    reply({ id, step: 0, outcome: { value: '1' } })
    reply({ id, step: 1, outcome: { value: '2' } })
    reply({ id, done: true })`)

  it.each<[string, string, RegExp]>([
    ['does not answer', '', /did not answer/],
    ['hangs', 'for (;;);', /did not answer/],
    ['exits', 'process.exit(7)', /exit code 7/],
    ['crashes', 'process.abort()', /SIGABRT|exit code/],
    ['writes what is not JSON', 'process.stdout.write("hello\\n")', /not a message/],
    [
      'writes what nests deep',
      'process.stdout.write("[".repeat(30_000) + "]".repeat(30_000) + "\\n")',
      /not a message/,
    ],
    ['writes another message', 'reply({ id, step: 0, outcome: { value: 1 } })', /not a message/],
    ['writes without an end', 'process.stdout.write("x".repeat(1e6))', /too long/],
    ['answers another job', 'reply({ id: id + 1, done: true })', /another job/],
    ['answers out of turn', 'reply({ id, step: 1, outcome: { value: "1" } })', /out of turn/],
    [
      'answers twice',
      'for (let i = 0; i < 3; i++) reply({ id, step: 0, outcome: { value: "1" } })',
      /out of turn/,
    ],
    ['leaves out an answer', 'reply({ id, done: true })', /left out/],
    ...(process.platform === 'win32'
      ? []
      : [
          [
            'takes much memory',
            'globalThis.all = Buffer.alloc(700 << 20, 1)',
            /too much memory/,
          ] satisfies [string, string, RegExp],
        ]),
  ])('that %s is killed, and the next one works', async (_, act, why) => {
    const folders = [answering(act), GOOD].map(pretend)
    const ms = /did not/.test(String(why)) ? 100 : 20_000
    const odd = new Sandbox({ ms }, () => Promise.resolve(folders.shift()!))
    const job: Job = { language: 'python', program: '', calls: ['1', '2'] }
    expect((await odd.run(job, signal)).map(worded).at(-1)).toEqual({
      error: expect.stringMatching(why),
    })
    expect(await odd.run(job, signal)).toEqual([{ value: '1' }, { value: '2' }])
    await odd.close()
  })

  it('that cannot start is an error, and the next start is tried again', async () => {
    const folders = ['process.exit(3)', GOOD].map(pretend)
    const odd = new Sandbox(patient, () => Promise.resolve(folders.shift()!))
    const job: Job = { language: 'python', program: '', calls: ['1', '2'] }
    await expect(odd.run(job, signal)).rejects.toMatchObject({ code: 'internal' })
    expect(await odd.run(job, signal)).toEqual([{ value: '1' }, { value: '2' }])
    await odd.close()
  })

  it('that runs a cancelled job is killed, and the next job has another', async () => {
    const controller = new AbortController()
    const hanging = sandbox.run(
      { language: 'python', program: 'while True: pass', calls: ['1'] },
      controller.signal,
    )
    const waiting = python('', '1 + 1')
    setTimeout(() => controller.abort(), 200)
    await expect(hanging).rejects.toMatchObject({ code: 'cancelled' })
    expect(await waiting).toEqual([{ value: '2' }])
  })

  it('may not read other files, start processes or make code from text', async () => {
    const secret = join(temporary, 'secret.txt')
    writeFileSync(secret, 'secret')
    const attempts = {
      read: `fs.readFileSync(${JSON.stringify(secret)}, 'utf8')`,
      write: `fs.writeFileSync(${JSON.stringify(join(temporary, 'new.txt'))}, 'x')`,
      writeOwn: `fs.writeFileSync(new URL(import.meta.url), 'x')`,
      run: `childProcess.execFileSync(process.execPath, ['-v'])`,
      evaluate: `new Function('return 1')()`,
      addon: `process.dlopen({ exports: {} }, ${JSON.stringify(secret)})`,
    }
    const source = answering(`
      const fs = await import('node:fs'), childProcess = await import('node:child_process')
      let step = 0
      const attempt = (act) => {
        let value
        try { value = String(act()) } catch (error) { value = error.code ?? error.name }
        reply({ id, step: step++, outcome: { value } })
      }
      ${Object.values(attempts)
        .map((code) => `attempt(() => ${code})`)
        .join(';')}
      attempt(() => JSON.stringify(process.env))
      reply({ id, done: true })`)
    const folder = pretend(source)
    const held = new Sandbox(patient, () => Promise.resolve(folder))
    const calls = [...Object.keys(attempts), 'environment']
    const outcomes = await held.run({ language: 'python', program: '', calls }, signal)
    await held.close()
    expect(outcomes.map((outcome) => ('value' in outcome ? outcome.value : outcome))).toEqual([
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      'EvalError',
      'ERR_DLOPEN_DISABLED',
      '{"TZ":"UTC"}',
    ])
    expect(readdirSync(temporary)).not.toContain('new.txt')
  })

  it.skipIf(process.platform !== 'linux')(
    'holds its two pipes and an empty folder, and leaves nothing behind',
    async () => {
      const fresh = new Sandbox(patient)
      await fresh.run({ language: 'python', program: '', calls: ['1'] }, signal)
      const proc = (name: string) => `/proc/${pid}/${name}`
      const pid = await fresh.pid()
      const links = readdirSync(proc('fd')).flatMap((fd) => {
        try {
          return [readlinkSync(proc(`fd/${fd}`))]
        } catch {
          return []
        }
      })
      const others = links.filter((link) => !/^(anon_inode|pipe|\/dev\/null$)/.test(link))
      expect(others.map((link) => link.replace(/\d+/, ''))).toEqual(['socket:[]', 'socket:[]'])
      expect(readFileSync(proc('environ'), 'utf8')).toBe('TZ=UTC\0')
      const folder = readlinkSync(proc('cwd'))
      expect(readdirSync(folder)).toEqual([])
      await fresh.close()
      await expect.poll(() => existsSync(folder)).toBe(false)
      expect(await fresh.pid()).toBeUndefined()
    },
  )

  it('neither keeps the process that started it from ending nor ends it early', () => {
    const script = join(temporary, 'ends.mts')
    const door = JSON.stringify(join(root, 'engine', 'sandbox', 'index.ts'))
    writeFileSync(
      script,
      `import { Sandbox } from ${door}
       const start = () => new Sandbox(${JSON.stringify(patient)})
       const [closed, left] = [start(), start()]
       const job = { language: 'javascript', program: '', calls: ['1 + 1'] }
       const { signal } = new AbortController()
       await closed.run(job, signal)
       await closed.close()
       console.log(JSON.stringify(await left.run(job, signal)))`,
    )
    const { stdout, status } = spawnSync(process.execPath, [...sourceOptions(), script], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    expect([stdout.trim(), status]).toEqual(['[{"value":"2"}]', 0])
  })

  it('starts from an image without paths of the machine that built it', async () => {
    const image = gunzipSync(readFileSync(join(await sandboxFolder(), 'python.image')))
    expect(image.includes(root)).toBe(false)
  })
})
