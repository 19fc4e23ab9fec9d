import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { CallRecord, Job, Outcome } from '../../engine/protocol/agreement.ts'
import { answeringSegment, decidingProgram } from '../../engine/protocol/deciding.ts'
import { foldRun, type AgreementState, type Segment } from '../../engine/protocol/fold.ts'
import { partsOf, pathId } from '../../engine/protocol/segments.ts'
import { resultsOf } from '../../engine/run/counts.ts'
import type { RunPrograms } from '../../engine/run/index.ts'
import { Sandbox } from '../../engine/sandbox/index.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { newEngine, solve, start, tinyFile, Watched, type Settings } from './support.ts'

const sandbox = new Sandbox()
const jobs: Job[] = []
const engine = newEngine(1, (job, signal) => {
  jobs.push(job)
  return sandbox.run(job, signal)
})
const files: string[] = []
afterAll(async () => {
  await sandbox.close()
  for (const file of files) rmSync(dirname(file), { recursive: true })
})
const model = (...script: Parameters<typeof writeScripted>): string => {
  const file = writeScripted(...script)
  files.push(file)
  return file
}

/** Probes end in a point, as do the usual instructions; this one ends in another sign. */
const merged = 'Merge them!'
const merging = { '!': ['Merged:\n\n```python\ndef total(a):\n    return sum(a, 0)\n```\n'] }
const python = model({
  '?': [
    'Sum of it:\n\n```python\ndef total(items):\n    return sum(items)\n```\n',
    '```python\ndef total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n```\nO(n).',
    '```python\ndef total(x):\n    return max(x)\n```\n',
  ],
  '.': ['total([1, 2, 3])\ntotal([])\ntotal([5])\ntotal([-4, 4])\n'],
  ...merging,
})
const rust = model({
  '?': [
    '```rust\nfn total(items: &[i64]) -> i64 { items.iter().sum() }\n```\n',
    '```rust\nfn total(v: &[i64]) -> i64 { let mut s = 0; for x in v { s += x } s }\n```\n',
  ],
  ...merging,
})
const mute = model({
  '?': [
    'Sum of it:\n\n```python\ndef total(items):\n    return sum(items)\n```\n',
    '```python\ndef total(x):\n    return max(x)\n```\n',
  ],
  '.': ['I know none.'],
  ...merging,
})
const reader = model({
  '?': [
    '```python\nn = int(input())\nprint(n * n)\n```\n',
    '```python\nimport sys\nx = sys.stdin.read()\nprint(int(x) ** 2)\n```\n',
    '```python\nprint(2 * int(input("")))\n```\n',
  ],
  '.': ['```\n7\n```\n\n```\n-3\n```\n'],
})

const asked = {
  paths: 6,
  budget: 120,
  summaryBudget: 60,
  seed: 3,
  instruction: merged,
} satisfies Settings
const ask = (file: string, settings: Settings = {}, problem = 'What is total?') =>
  solve(engine, file, problem, { ...asked, ...settings })
const told = ({ events }: Watched) =>
  events.filter(({ type }) => !['tokens', 'notice'].includes(type)).map(({ type }) => type)
const codes = (run: Watched) => run.state.notices.map(({ code }) => code)
const sums = /sum\(items\)|result \+= value/

describe('a question that asks for code', () => {
  it('is answered by the program that agrees most; no summary is written', async () => {
    const run = await ask(python)
    const { state } = run
    expect(told(run).slice(-5)).toEqual([
      'question',
      'segment-started',
      'segment-ended',
      'agreement',
      'run-ended',
    ])
    const agreement = state.agreement!
    expect(agreement.of).toEqual(['p1', 'p2', 'p3', 'p4', 'p5', 'p6'])
    expect(agreement.calls.map(({ text, from }) => [text, from])).toEqual([
      ['total([1, 2, 3])', 'probe'],
      ['total([])', 'probe'],
      ['total([5])', 'probe'],
      ['total([-4, 4])', 'probe'],
    ])
    expect(agreement.probe).toBe('q1')
    const won = run.segment(decidingProgram(state)!)
    expect(won.text).toMatch(sums)
    expect(state.answer).toBe(won.text.trim())
    expect(state.summaries).toEqual([])
    expect(codes(run)).not.toContain('nothing-to-summarise')
    const [probe] = state.others
    expect(partsOf(probe!.source)).toHaveLength(1)
    expect(state.usage!.probeTokens).toBe(probe!.tokens.length)
    expect(state.timings!.programsMs).toBeGreaterThan(0)
    expect(foldRun(run.events)).toEqual(state)
  })

  it('is voted on by majority, and by groups, whose paths all count', async () => {
    for (const settings of [
      { strategy: 'majority' },
      { strategy: 'parallel-majority', runs: 2, paths: 3 },
    ] as const) {
      const run = await ask(python, settings)
      expect(run.state.agreement!.of).toHaveLength(6)
      expect(answeringSegment(run.state)!.text).toMatch(sums)
      expect(run.state.summaries).toEqual([])
      expect(run.state.votes).toEqual([])
      expect(codes(run)).not.toContain('nothing-to-count')
    }
  })

  it('is what the rule behaviour makes of a text', async () => {
    const prose = model({
      '?': [
        'A long explanation of what this function does and why:\n\n```python\ndef f(a):\n    return a\n```\n',
        'Another explanation, which is even longer than the first one:\n\n```python\ndef f(b):\n    return b + 0\n```\n',
      ],
      '.': ['f(3)'],
    })
    expect((await ask(prose)).state).toMatchObject({ question: 'text', agreement: null })
    const { state } = await ask(prose, { vote: 'behaviour' })
    expect(state).toMatchObject({
      question: 'code',
      agreement: { winner: expect.any(Number) as number },
    })
  })

  it('runs whole programs that read their input', async () => {
    const { state } = await ask(reader, {}, 'What reads n and prints its square?')
    const { function: name, calls } = state.agreement!
    expect([name, calls.map(({ text }) => text.trim())]).toEqual([null, ['7', '-3']])
    expect(answeringSegment(state)!.text).toMatch(/n \* n|\*\* 2/)
  })

  it('is probed in Chinese if it is asked in Chinese', async () => {
    const chinese = model({
      '？': [
        '```python\ndef total(items):\n    return sum(items)\n```\n',
        '```python\ndef total(x):\n    return max(x)\n```\n',
      ],
      '。': ['total([1, 2])\ntotal([5])\n'],
    })
    const { state } = await ask(chinese, {}, '怎样求和？')
    const [probe] = state.others
    // Words of the scripts are tokens of their own, which are left out here.
    const ids = partsOf(probe!.source).flatMap((part) =>
      'tokens' in part ? (part.tokens as number[]).filter((id) => id < 256) : [],
    )
    expect(Buffer.from(ids).toString()).toMatch(
      /^这是一道编程题：\n\n怎样求和？\n\nPython 函数 `.*已经写好。.*不要写出函数本身。$/,
    )
    expect(state.agreement!.calls.map(({ text }) => text)).toEqual(['total([1, 2])', 'total([5])'])
  })

  it('runs equal programs once', async () => {
    jobs.length = 0
    const { state } = await ask(python)
    const different = new Set(state.agreement!.programs.map(({ source }) => source))
    expect(jobs.map(({ program }) => program).sort()).toEqual([...different].sort())
    expect(different.size).toBeLessThan(6)
  })
})

describe('a trained model', () => {
  const { file } = tinyFile()
  const bytes = (text: string) => [...Buffer.from(text)]
  const ids = ['a + 1', '1 + a', 'a'].map((body) =>
    bytes(`\`\`\`python\ndef f(a):\n    return ${body}\n\`\`\`\nf(1), f(-2)\n`),
  )
  const given = new Map(ids.map((tokens, i) => [pathId(i + 1), tokens]))
  const settings = { paths: 3, budget: 8, summaryBudget: 6, question: 'code' } as const

  it('keeps its summary as the answer; its program is one more candidate', async () => {
    const { state } = await solve(engine, file, 'the answer', settings, { given })
    const { of, programs, calls, winner } = state.agreement!
    expect(of).toEqual(['p1', 'p2', 'p3', 's1'])
    expect(programs.map(({ agreement }) => agreement)).toEqual([2, 2, 0, 0])
    expect(calls.map(({ text }) => text)).toEqual(expect.arrayContaining(['f(1)', 'f(-2)']))
    expect([0, 1]).toContain(winner)
    expect(answeringSegment(state)!.segment).toBe('s1')
    expect(decidingProgram(state)).toBeUndefined()
  })

  it('compares the summaries of several groups', async () => {
    const asked = { ...settings, strategy: 'majority' } as const
    const { state } = await solve(engine, file, 'the answer', asked, { given })
    expect(state.agreement!.of).toEqual(['s1', 's2', 's3'])
    expect(state.summaries).toHaveLength(3)
  })
})

describe('a summary is written as otherwise, and a notice says why', () => {
  const text = (run: Watched) => run.state.answer
  it.each([
    ['in another language', rust, {}, 'programs-none'],
    ['without calls', mute, {}, 'programs-calls'],
    ['with programs that are cut off', python, { budget: 3 }, 'programs-none'],
    ['switched off', python, { runPrograms: false }, 'programs-off'],
  ] as const)('%s', async (_, file, settings, code) => {
    const run = await ask(file, { ...settings, question: 'code' })
    expect(codes(run)).toContain(code)
    if (file === rust)
      expect(run.state.notices.find((one) => one.code === code)!.params).toEqual({
        reason: 'no-interpreter',
        name: 'rust',
      })
    expect(run.state.summaries).toHaveLength(1)
    expect(run.state.summaries[0]!.reads).toHaveLength(6)
    expect(text(run)).toMatch(/Merged/)
  })

  it('where nothing can run programs, and none is asked for', async () => {
    const run = await solve(newEngine(), python, 'What is total?', asked)
    expect(run.state.settings!.runPrograms).toBe(false)
    expect([run.state.agreement, run.state.others]).toEqual([null, []])
    expect(text(run)).toMatch(/Merged/)
    await expect(run.handle.command({ type: 'compare', calls: [] })).rejects.toMatchObject({
      detail: { detail: 'bad-request/no-sandbox' },
    })
  })

  it('where the sandbox cannot be started', async () => {
    const broken: RunPrograms = () => Promise.reject(new Error('it is gone'))
    const run = await solve(newEngine(1, broken), python, 'What is total?', asked)
    expect(run.state.agreement).toMatchObject({ why: 'failed', winner: null })
    expect(run.state.notices.find(({ code }) => code === 'programs-failed')!.params).toEqual({
      reason: 'it is gone',
    })
    expect(text(run)).toMatch(/Merged/)
  })

  it('in a run of one path there is nothing to compare or to say', async () => {
    const run = await ask(python, { paths: 1 })
    expect(run.state.agreement).toBeNull()
    expect(codes(run).filter((code) => code.startsWith('programs'))).toEqual([])
  })
})

describe('the hint for a summary', () => {
  const call = (text: string, cells: number[], expected?: string): CallRecord => ({
    text,
    from: 'probe',
    outcomes: [{ value: '1' }, { error: 'ValueError: no' }].slice(0, Math.max(...cells) + 1),
    cells,
    ...(expected !== undefined && { expected }),
  })
  const agreement = (calls: CallRecord[], winner: number | null = 0) =>
    ({ of: ['p1', 'p2', 'p3'], calls, winner }) as unknown as AgreementState
  const reads = (...paths: string[]) => paths.map((segment) => ({ segment }) as Segment)

  it('tells known results first, then where the programs differ, by the numbers of the attempts', () => {
    const calls = [call('f(1)', [0, 0, 0]), call('f(2)', [0, 1, 0]), call('f(3)', [0, 0, 0], '2')]
    expect(resultsOf(agreement(calls), reads('p2', 'p3'), 'en')?.split('\n')).toEqual([
      'The programs of the attempts were run. They return:',
      'f(3): 1 (attempts 1, 2); expected is 2',
      'f(2): 1 (attempts 2); ValueError: no (attempts 1)',
      'f(1): 1 (attempts 1, 2)',
    ])
    expect(resultsOf(agreement(calls, null), reads('p1'), 'en')).toBeUndefined()
    expect(resultsOf(agreement(calls), reads('p9'), 'zh')).toBeUndefined()
    expect(resultsOf(null, reads('p1'), 'en')).toBeUndefined()
  })

  it('is short whatever the programs return', () => {
    const long = Array.from({ length: 40 }, (_, i) =>
      call(`f("${'x'.repeat(500)}${i}")`, [1, 1, 1]),
    )
    const text = resultsOf(agreement(long), reads('p1', 'p2', 'p3'), 'en')!
    expect(text.length).toBeLessThan(1_200)
  })
})

describe('commands', () => {
  it('add calls and expected results; a program that misses one loses', async () => {
    const run = await ask(python)
    const before = run.state
    expect(answeringSegment(before)!.text).toMatch(sums)
    const calls = [{ call: 'total( [2,3] )', expected: '3' }]
    await run.handle.command({ type: 'compare', calls })
    await run.until(({ type }) => type === 'run-ended' && run.state.agreement!.at > before.at)
    const { agreement } = run.state
    expect(agreement!.calls[0]).toMatchObject({
      text: 'total([2, 3])',
      from: 'user',
      expected: '3',
    })
    expect(answeringSegment(run.state)!.text).toMatch(/max\(x\)/)
    expect(run.state.answer).toMatch(/max\(x\)/)
    // No new probe was needed, and what the run used before stays.
    expect(run.state.others).toHaveLength(1)
    expect(run.state.usage).toEqual(before.usage)
    // They stay when the programs change.
    await run.handle.command({ type: 'drop', segment: decidingProgram(run.state)! })
    await run.until(() => run.state.agreement!.of.length === 5)
    expect(run.state.agreement!.calls[0]!.from).toBe('user')
    await expect(
      run.handle.command({ type: 'compare', calls: [{ call: 'print(open("x"))' }] }),
    ).rejects.toMatchObject({ detail: { detail: 'bad-request/not-a-call' } })
  })

  it('choose another program, until a summary is asked for', async () => {
    const run = await ask(python)
    const { of, programs } = run.state.agreement!
    const other = of[programs.findIndex(({ source }) => source.includes('max'))]!
    await run.handle.command({ type: 'override-vote', member: other })
    expect(decidingProgram(run.state)).toBe(other)
    expect(run.state.answer).toMatch(/max/)
    // The choice stays when calls are added.
    await run.handle.command({ type: 'compare', calls: [{ call: 'total([9, 9])' }] })
    await run.until(() => run.state.agreement!.calls[0]!.from === 'user')
    expect(decidingProgram(run.state)).toBe(other)
    await run.after({ type: 'summarise' })
    expect(run.state.answer).toMatch(/Merged/)
    await expect(
      run.handle.command({ type: 'override-vote', member: pathId(60) }),
    ).rejects.toMatchObject({ code: 'no-such-path' })
  })

  it('ask for a summary, which gets the results as a hint', async () => {
    const { instruction: _, ...usual } = asked
    const run = await solve(engine, python, 'What is total?', usual)
    const calls = [{ call: 'total([2, 3])', expected: '5' }]
    await run.handle.command({ type: 'compare', calls })
    await run.until(() => run.state.agreement!.calls[0]!.from === 'user')
    await run.after({ type: 'summarise' })
    const read = String.fromCodePoint(
      ...partsOf(run.segment('s1').source).flatMap((part) =>
        'tokens' in part ? (part.tokens as number[]).filter((id) => id < 128) : [],
      ),
    )
    expect(read).toMatch(
      /attempts were run\. They return:\n2, 3\]\): 5 \(attempts [^]*; expected is 5\n/,
    )
    expect(decidingProgram(run.state)).toBeUndefined()
  })

  it('compare again once a path was branched and has ended', async () => {
    const run = await ask(python)
    const before = run.state.agreement!
    await run.after({ type: 'branch', segment: 'p1', at: 3 })
    expect(run.state.agreement!.of).toEqual([...before.of, 'p7'])
    expect(run.state.others).toHaveLength(1)
  })

  it('continue a run of the history without its model', async () => {
    const first = await ask(python)
    const copied = first.events
    const resumed = new Watched(engine.resume(copied), copied)
    await resumed.handle.command({ type: 'compare', calls: [{ call: 'total([8])' }] })
    await resumed.until(() => resumed.state.agreement!.calls[0]!.from === 'user')
    expect(resumed.state.status).toBe('ended')
  })

  it('ends, though what a command opened while programs were compared was dropped at once', async () => {
    const run = await ask(python)
    await run.handle.command({ type: 'drop', segment: 'p6' })
    const { segment } = await run.handle.command({ type: 'branch', segment: 'p1', at: 2 })
    await run.handle.command({ type: 'drop', segment: segment! })
    await run.until((event, { events }) => event.type === 'run-ended' && events.at(-1) === event)
    expect([run.state.status, run.segment(segment!).status]).toEqual(['ended', 'dropped'])
  })

  it('are refused while running programs is turned off, and nothing runs', async () => {
    const switched = newEngine(1, (job, signal) => {
      jobs.push(job)
      return sandbox.run(job, signal)
    })
    const run = await solve(switched, python, 'What is total?', asked)
    const before = run.state.agreement!
    switched.allowPrograms(false)
    jobs.length = 0
    await expect(run.handle.command({ type: 'compare', calls: [] })).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('Settings') as string,
      detail: { detail: 'bad-request/programs-off' },
    })
    // A path fewer, or one more, is not compared either.
    await run.handle.command({ type: 'drop', segment: 'p1' })
    await run.after({ type: 'branch', segment: 'p2', at: 3 })
    expect(run.state.agreement).toEqual(before)
    const off = await solve(switched, python, 'What is total?', { ...asked, question: 'code' })
    expect(codes(off)).toContain('programs-off')
    expect(off.state).toMatchObject({ agreement: null, settings: { runPrograms: false } })
    expect(jobs).toEqual([])

    switched.allowPrograms(true)
    await run.handle.command({ type: 'compare', calls: [{ call: 'total([9])' }] })
    await run.until(() => run.state.agreement!.calls[0]!.from === 'user')
    expect(run.state.agreement!.of).toEqual(['p2', 'p3', 'p4', 'p5', 'p6', 'p7'])
    // A run that was asked for without programs stays so.
    await expect(off.handle.command({ type: 'compare', calls: [] })).rejects.toMatchObject({
      message: expect.stringContaining('Settings') as string,
      detail: { detail: 'bad-request/programs-off-run' },
    })
  })

  it('are not obeyed if it is turned off before they begin: a summary is written instead', async () => {
    const switched = newEngine(1, (job, signal) => {
      jobs.push(job)
      return sandbox.run(job, signal)
    })
    jobs.length = 0
    const run = start(switched, python, 'What is total?', asked)
    await run.until(({ type }) => type === 'segment-started' && run.state.others.length > 0)
    switched.allowPrograms(false)
    await run.end()
    expect(jobs).toEqual([])
    expect(run.state.agreement).toBeNull()
    expect(codes(run)).toContain('programs-off')
    expect(run.state.answer).toMatch(/Merged/)
  })

  it('stop a comparison that takes long', async () => {
    let began: () => void = () => undefined
    const running = new Promise<void>((resolve) => (began = resolve))
    const slow: RunPrograms = (_, signal) => {
      began()
      return new Promise<Outcome[]>((_, reject) =>
        signal.addEventListener('abort', () =>
          reject(Object.assign(new Error('x'), { code: 'cancelled' })),
        ),
      )
    }
    for (const [type, reason] of [
      ['stop-all', 'stopped'],
      ['cancel', 'cancelled'],
    ] as const) {
      const run = start(newEngine(1, slow), python, 'What is total?', asked)
      await running
      await run.until(() => run.state.others.some(({ endedAt }) => endedAt !== null))
      await run.handle.command({ type })
      await run.end()
      expect(run.state).toMatchObject({ endReason: reason, agreement: null })
    }
  })
})
