import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { agree, type RunJob } from '../../engine/agree/index.ts'
import {
  Agreement,
  because,
  bounded,
  choose,
  groupOutcomes,
  MAX_RESULT_CHARS,
  meets,
  samePrinted,
  type CallRecord,
  type Job,
  type Outcome,
  type ProgramRecord,
} from '../../engine/protocol/agreement.ts'
import { consensusOf, wonBy } from '../../engine/protocol/consensus.ts'
import { reasonText } from '../../engine/protocol/wording.ts'

const LACKS = because('lacks-module', 'numpy')
const block = (code: string) => `\`\`\`js\n${code}\n\`\`\``

/** Runs the scripts of these tests here: they are known. */
const evaluate = (jobs: Job[] = []): RunJob => {
  return (job) => {
    jobs.push(job)
    return Promise.resolve(
      job.calls.map((call): Outcome => {
        try {
          const value: unknown = new Function(`${job.program}; return ${call}`)()
          return value === 'lacks' ? { abstained: LACKS } : { value: JSON.stringify(value) }
        } catch (error) {
          return { error: String(error) }
        }
      }),
    )
  }
}

const RIGHT = 'function half(n) { return n / 2 }'
const SAME = 'const half = (n) => n * 0.5'
const WHOLE = 'function half(n) { return Math.floor(n / 2) }'
const THROWS = 'function half(n) { if (n > 4) throw new Error("big"); return n / 2 }'

describe('agree', () => {
  it('chooses the program that agrees most', async () => {
    const jobs: Job[] = []
    const result = await agree(
      {
        question: 'Write half(n).',
        attempts: [block(WHOLE), block(THROWS), 'I pass.', block(RIGHT), block(SAME), block(RIGHT)],
        probe: 'half(3)\nhalf(4)\nhalf(5)\nhalf(half(8))',
      },
      evaluate(jobs),
    )
    expect(result.function).toBe('half')
    expect(result.calls.map(({ text, cells }) => ({ text, cells }))).toEqual([
      { text: 'half(3)', cells: [0, 1, null, 1, 1, 1] },
      { text: 'half(4)', cells: [0, 0, null, 0, 0, 0] },
      { text: 'half(5)', cells: [0, 1, null, 2, 2, 2] },
      { text: 'half(8)', cells: [0, 1, null, 0, 0, 0] },
    ])
    expect(
      result.programs.map(({ agreement, ran, abstained }) => [
        agreement,
        ran,
        abstained && reasonText(abstained),
      ]),
    ).toEqual([
      [7, 4, null],
      [7, 2, null],
      [0, 0, 'no code'],
      [12, 4, null],
      [12, 4, null],
      [12, 4, null],
    ])
    expect([result.winner, result.why]).toEqual([3, null])
    expect(jobs).toHaveLength(4)
    expect(Agreement.parse(JSON.parse(JSON.stringify(result)))).toEqual(result)
  })

  it('breaks ties by the score, then by the index', async () => {
    const asked = {
      question: 'half(3)',
      attempts: [block(WHOLE), block(RIGHT), block(SAME), block(WHOLE)],
    }
    expect((await agree(asked, evaluate())).winner).toBe(0)
    expect((await agree({ ...asked, scores: [-1, -0.4, -0.2, null] }, evaluate())).winner).toBe(2)
  })

  it('prefers programs that give what the question states and the user marked', async () => {
    const attempts = [block(WHOLE), block(RIGHT), block(WHOLE)]
    expect((await agree({ question: 'half(3) and half(4)', attempts }, evaluate())).winner).toBe(0)
    const stated = await agree({ question: '`half(3)` returns 1.5.', attempts }, evaluate())
    expect([stated.winner, stated.programs.map(({ missed }) => missed)]).toEqual([1, [1, 0, 1]])
    const user = [{ call: 'half( 3 )', expected: '1.50' }]
    expect((await agree({ question: 'half(n)', attempts, user }, evaluate())).winner).toBe(1)
    const wrong = [{ call: 'half(3)', expected: '7' }]
    expect((await agree({ question: 'half(n)', attempts, user: wrong }, evaluate())).winner).toBe(0)
  })

  it('tells what decided: expected results, agreement, or the score where no two agree', async () => {
    const by = async (question: string, attempts: string[], scores?: number[]) => {
      const found = await agree({ question, attempts: attempts.map(block), scores }, evaluate())
      return [wonBy(found, found.winner!), consensusOf(found)!.calls]
    }
    expect(await by('half(3) and half(4)', [RIGHT, SAME, WHOLE])).toEqual(['agreement', 1])
    expect(await by('`half(3)` returns 1.5.', [WHOLE, RIGHT, WHOLE])).toEqual(['expected', 1])
    expect(await by('`half(3)` returns 1.5.', [RIGHT, SAME, WHOLE])).toEqual(['agreement', 1])
    expect(await by('half(3)', [RIGHT, WHOLE])).toEqual(['alone', 0])
    expect(await by('half(3)', [RIGHT, WHOLE], [-2, -1])).toEqual(['score', 0])
  })

  it('does not believe what the question states and no program gives', async () => {
    const lacks = block('function half(n) { return n === 3 ? "lacks" : 7 }')
    const attempts = [lacks, block(RIGHT), block(SAME)]
    const asked = { question: '`half(3)` returns 99. half(4)', attempts }
    const { winner, programs } = await agree(asked, evaluate())
    expect([winner, programs.map(({ missed }) => missed)]).toEqual([1, [0, 0, 0]])
  })

  it('puts a program that may be cut off behind its equals', async () => {
    const [open, whole] = [
      '```python\ndef half(n):\n    return n / 2',
      'def half(n):\n    return n * 0.5',
    ]
    const attempts = [open, `\`\`\`python\n${whole}\n\`\`\``]
    const result = await agree({ question: 'half(3)', attempts, scores: [-0.1, -2] }, (job) =>
      Promise.resolve(job.calls.map(() => ({ value: '1.5' }))),
    )
    expect([result.winner, result.programs.map(({ cut }) => cut)]).toEqual([1, [true, undefined]])
  })

  it.each([
    ['no-programs', ['Sorry.', '']],
    ['one-program', [block(RIGHT), 'Sorry.']],
    ['no-calls', [block(RIGHT), block(SAME)]],
    [
      'no-results',
      [block('function half() { throw 1 } // half(1)'), block('const half = () => { throw 2 }')],
    ],
    ['one-program', [block(`${RIGHT} // half(1)`), block('function half() { return "lacks" }')]],
  ] as const)('has no winner (%s)', async (why, attempts) => {
    const result = await agree({ question: 'Write half(n).', attempts }, evaluate())
    expect([result.winner, result.why]).toEqual([null, why])
    expect(Agreement.parse(result)).toEqual(result)
  })

  it('says what the interpreter lacks', async () => {
    const lacking = block('function half(n) { return n === 1 ? "lacks" : n / 2 }')
    const attempts = [lacking, block(RIGHT), block(SAME)]
    const { programs, calls } = await agree(
      { question: 'half(1) == 0.5, half(2)', attempts },
      evaluate(),
    )
    expect(programs[0]).toMatchObject({ abstained: LACKS, ran: 1, agreement: 2, missed: 0 })
    expect(calls[0]!.outcomes).toEqual([{ abstained: LACKS }, { value: '0.5' }])
  })

  it('gives inputs to programs that read them', async () => {
    const jobs: Job[] = []
    const program = (sign: string) =>
      `\`\`\`python\na, b = map(int, input().split())\nprint(a ${sign} b)\n\`\`\``
    const result = await agree(
      {
        question: 'Read two numbers from standard input.\n\nInput:\n1 2\n\nOutput:\n3\n',
        attempts: [program('-'), program('+')],
      },
      (job) => {
        jobs.push(job)
        return Promise.resolve([{ printed: job.program.includes('+') ? '3\n' : '-1\n' }])
      },
    )
    expect(jobs.map(({ calls, inputs }) => ({ calls, inputs }))).toEqual([
      { calls: [], inputs: ['1 2\n'] },
      { calls: [], inputs: ['1 2\n'] },
    ])
    expect([result.function, result.winner, result.calls[0]!.expected]).toEqual([null, 1, '3'])
  })

  it('records at most 400 characters of a result, and keeps those that differ apart', async () => {
    const long = (end: string) => block(`function half() { return "x".repeat(1e5) + "${end}" }`)
    const result = await agree(
      { question: 'half(1)', attempts: [long('a'), long('b'), long('a')] },
      evaluate(),
    )
    expect(result.calls[0]!.cells).toEqual([0, 1, 0])
    const [a, b] = result.calls[0]!.outcomes as { value: string }[]
    expect([a!.value.length, b!.value.length]).toEqual([MAX_RESULT_CHARS, MAX_RESULT_CHARS])
    expect(a!.value).not.toBe(b!.value)
    expect(a!.value).toContain('(100003 characters, ')
    expect(bounded('x'.repeat(400), 400)).toBe('x'.repeat(400))
  })

  it('rejects if the run is stopped', async () => {
    const attempts = [block(RIGHT), block(SAME)]
    await expect(
      agree({ question: 'half(1)', attempts }, () => Promise.reject(new Error('stopped'))),
    ).rejects.toThrow('stopped')
  })
})

describe('outcomes', () => {
  it('are grouped by value', () => {
    const all: (Outcome | null)[] = [
      { value: '[0.1, 1]' },
      { value: '[0.10000000000000002, 1]' },
      null,
      { value: '<object>' },
      { value: '<object>' },
      { error: 'ValueError' },
      { error: 'ValueError' },
      { printed: '1\n' },
      { printed: '1  \n\n' },
    ]
    expect(groupOutcomes(all).cells).toEqual([0, 0, null, 1, 1, 2, 2, 3, 3])
  })

  it('are equal to 1e-9 wherever a number stands, and grouped by chains of equal ones', () => {
    const groups = (...values: string[]) => groupOutcomes(values.map((value) => ({ value }))).cells
    expect(groups('1.234567885', '1.2345678850000001', '1.23456788499999997')).toEqual([0, 0, 0])
    expect(groups('1.000000002', '1', '1.0')).toEqual([0, 1, 1])
    expect(groups('123456789.25', '123456789')).toEqual([0, 1])
    expect(groups('{"a": [0.1, P{x: 0.3}]}', '{"a": [0.1, P{x: 0.30000000000000004}]}')).toEqual([
      0, 0,
    ])
    expect(groups("'0.3'", "'0.30000000000000004'", 'a1.5', 'a1.50000000001')).toEqual([0, 1, 2, 3])
    expect(groups('10000000000', '10000000001', '10n', '10')).toEqual([0, 1, 2, 3])
    expect(groups('inf', '-inf', '5', 'nan', 'nan')).toEqual([0, 1, 2, 3, 3])
    const chain = ['1', '1.0000000009', '1.0000000018', '2']
    for (const order of [
      [0, 1, 2, 3],
      [0, 2, 1, 3],
      [2, 0, 3, 1],
    ]) {
      const { cells } = groupOutcomes(order.map((i) => ({ value: chain[i]! })))
      expect(order.map((i, at) => [i < 3, cells[at]] as const)).toEqual(
        order.map((i) => [i < 3, i < 3 ? cells[order.indexOf(0)] : cells[order.indexOf(3)]]),
      )
      expect(new Set(cells).size).toBe(2)
    }
    expect(groupOutcomes([{ changed: '[1]' }, { value: '[1]' }]).cells).toEqual([0, 1])
  })

  it('that were printed are compared line by line', () => {
    expect(samePrinted('[0.1, 0.30000000000000004]', '[0.1, 0.3]')).toBe(true)
    expect(samePrinted('v1.2.3', 'v1.2.4')).toBe(false)
    expect(samePrinted('a 1.0\r\nb\n', 'a 1.0\nb')).toBe(true)
    expect(samePrinted("don't 0.1", "don't 0.10000000000000001")).toBe(true)
    expect(samePrinted('1', '1.0')).toBe(false)
    expect(samePrinted('a\n\nb', 'a\nb')).toBe(false)
    expect(samePrinted(' a', 'a')).toBe(false)
  })

  it('meet what is expected', () => {
    const python = (value: string, expected: string) => meets({ value }, expected, 'python')
    expect(python("{'a': 1}", '{"a": 1.0}')).toBe(true)
    expect(python('Fraction(1, 2)', 'Fraction(1, 2)')).toBe(true)
    expect(python('1', '2')).toBe(false)
    expect(python('1.4142135623730951', '1.4142135623')).toBe(true)
    expect(python('1.4142135623730951', '1.41421356')).toBe(false)
    expect(python('deque[0.30000000000000004]', 'deque[0.3]')).toBe(true)
    expect(meets({ changed: '[3, 1, 2]' }, '[3,1,2]', 'python')).toBe(true)
    expect(python('[1, (0,)]', '[True, (False,)]')).toBe(true)
    expect(meets({ value: '1' }, 'true', 'javascript')).toBe(false)
    expect(meets({ printed: '1\n' }, '1', 'python')).toBe(true)
    expect(meets({ error: '1' }, '1', 'python')).toBe(false)
  })
})

describe('choose', () => {
  const blank: ProgramRecord = {
    ...{ language: 'python', source: 'x', abstained: null, score: null },
    ...{ agreement: 0, ran: 0, missed: 0 },
  }
  const table = fc.integer({ min: 2, max: 6 }).chain((programs) =>
    fc.array(
      fc
        .array(fc.constantFrom(0, 1, 2, 3, null), { minLength: programs, maxLength: programs })
        .map((cells): CallRecord => ({
          ...{ text: 'f(1)', from: 'probe', cells },
          outcomes: [{ value: '1' }, { value: '2' }, { error: 'E' }, { abstained: LACKS }],
        })),
      { maxLength: 8 },
    ),
  )

  it('counts pairs with equal results', () => {
    fc.assert(
      fc.property(table, (calls) => {
        const n = calls[0]?.cells.length ?? 2
        const { programs, winner } = choose(calls, Array<ProgramRecord>(n).fill(blank))
        programs.forEach(({ agreement }, i) => {
          let pairs = 0
          for (const { cells } of calls)
            for (let j = 0; j < n; j++)
              if (j !== i && cells[i] !== null && cells[i]! < 2 && cells[i] === cells[j]) pairs++
          expect(agreement).toBe(pairs)
        })
        if (winner !== null) {
          const ran = programs.filter((program) => program.ran > 0)
          expect(ran.length).toBeGreaterThan(1)
          expect(programs[winner]!.agreement).toBe(Math.max(...ran.map((one) => one.agreement)))
          expect(
            programs.findIndex(
              ({ ran, agreement }) => ran > 0 && agreement === programs[winner]!.agreement,
            ),
          ).toBe(winner)
        }
      }),
    )
  })
})
