import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Sandbox, type Job } from '../../engine/sandbox/index.ts'
import { REASONS } from '../../engine/protocol/wording.ts'
import { root } from '../../scripts/renderer.ts'
import { openSandbox, patient, signal } from './support.ts'

const { run, python, javascript } = openSandbox()

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
