import { describe, expect, it } from 'vitest'
import { groupOutcomes } from '../../engine/protocol/results.ts'
import { openSandbox } from './support.ts'
import { worded } from './worded.ts'

const { raw } = openSandbox()

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
