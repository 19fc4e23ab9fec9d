import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { instructionFor } from '../../engine/protocol/instruction.ts'
import { partsOf, type SegmentId } from '../../engine/protocol/segments.ts'
import { THINKS, writeScripted } from '../support/scripted-model.ts'
import { newEngine, solve, start, type Settings, type Watched } from './support.ts'

const engine = newEngine()
const files: string[] = []
afterAll(() => {
  for (const file of files) rmSync(dirname(file), { recursive: true })
})
const model = (...script: Parameters<typeof writeScripted>): string => {
  const file = writeScripted(...script)
  files.push(file)
  return file
}

const values = model({
  '?': [
    'Ten sheep and ten more are twenty. The answer is \\boxed{20}.',
    'I add ten to ten, so we have \\boxed{20} sheep.',
    'One short of it: \\boxed{19}, since a sheep ran off.',
  ],
  '.': ['Two of three hold: \\boxed{20}'],
})
const texts = model({
  '?': [
    'Bread, tea and a long walk along the shore.',
    'A quiz about birds, then soup for all of us.',
    'Paint the fence blue; afterwards we sing.',
  ],
  '.': ['A walk, a quiz and a song.'],
  '!': ['Sing.'],
})
const code = model({
  '?': [
    'Like so:\n\n```python\ndef add(a, b):\n    return a + b\n```\n',
    '```python\ndef plus(left, right):\n    return left + right\n```\nIt is O(1).',
  ],
  '.': ['```python\ndef total(x, y):\n    return x + y\n```\n'],
})
const chinese = model({
  '？': ['散步和唱歌都很好。', '大家一起画画，然后喝茶。', '先比赛，后吃饭。'],
  '。': ['散步、画画、比赛，都可以。'],
})
const thinking = model(
  {
    '?': [
      '<think>Is it six? No: \\boxed{6} is wrong.</think>\nSeven it is: \\boxed{7}',
      '<think>Count them again, one by one.</think>There are \\boxed{7} of them',
    ],
    '.': ['Both say so: \\boxed{7}'],
  },
  { template: THINKS },
)

const asked = { paths: 4, budget: 80, summaryBudget: 60, seed: 3 } satisfies Settings
const ask = (file: string, settings: Settings = {}, problem = 'What shall we do?') =>
  solve(engine, file, problem, { ...asked, ...settings })
const told = ({ events }: Watched) =>
  events.filter(({ type }) => !['tokens', 'notice'].includes(type)).map(({ type }) => type)
/** Returns the words that were decoded for a summary. */
const words = (run: Watched, segment: SegmentId): string =>
  String.fromCodePoint(
    ...partsOf(run.segment(segment).source).flatMap((part) =>
      'tokens' in part ? (part.tokens as number[]).filter((id) => id < 128) : [],
    ),
  )
/** Where the values agree, too. */
const fused = { answerBy: 'summary' } as const
const codes = (run: Watched) => run.state.notices.map((notice) => notice.code)

describe('a question with a value', () => {
  it('is answered by the paths that agree, and by a summary that the user asks for', async () => {
    const run = await ask(values)
    expect(told(run).slice(-3)).toEqual(['question', 'vote', 'run-ended'])
    expect([run.state.answer, run.state.summaries]).toEqual(['20', []])
    await run.after({ type: 'summarise' })
    expect(run.segment('s1').reads).toEqual(['p1', 'p2', 'p3', 'p4'])
    expect(run.state.answer).toBe('20')
  })

  it('is decided before its summary is asked for, which gives the value', async () => {
    const run = await ask(values, fused)
    expect(told(run).slice(-4)).toEqual([
      'question',
      'segment-started',
      'segment-ended',
      'run-ended',
    ])
    const { question, answer, settings } = run.state
    expect([question, answer, settings!.question]).toEqual(['value', '20', 'auto'])
    const [summary] = run.state.summaries
    expect(summary!.instruction).toBe(instructionFor('value', 'What?'))
    // The answers that the paths state are told as a hint.
    expect(words(run, 's1')).toMatch(
      /Answers that the attempts state, with how many state them: 20/,
    )
  })

  it('is counted by a majority', async () => {
    const run = await ask(values, { strategy: 'majority' })
    expect(told(run).slice(-3)).toEqual(['question', 'vote', 'run-ended'])
    expect(run.state.answer).toBe('20')
    expect(codes(run)).not.toContain('nothing-to-count')
  })
})

describe('a question for a text', () => {
  it('is answered by the whole text of the summary', async () => {
    const run = await ask(texts)
    expect([run.state.question, run.state.answer]).toEqual(['text', 'A walk, a quiz and a song.'])
    expect(run.segment('s1').instruction).toBe(instructionFor('text', 'Why?'))
    expect(words(run, 's1')).not.toMatch(/boxed|Answers that/)
    expect(run.state.votes).toEqual([])
  })

  it('leaves a majority nothing to count; merging its paths answers it', async () => {
    const run = await ask(texts, { strategy: 'majority' })
    expect([run.state.question, run.state.answer, run.state.votes]).toEqual(['text', null, []])
    expect(codes(run)).toContain('nothing-to-count')
    await run.after({ type: 'summarise' })
    expect(run.state.answer).toBe('A walk, a quiz and a song.')
    expect(run.state.summaries.map(({ reads }) => reads)).toEqual([['p1', 'p2', 'p3', 'p4']])
    expect(codes(run).filter((one) => one === 'nothing-to-count')).toHaveLength(1)
  })

  it('has the first group’s summary, and then the one that merges all', async () => {
    const run = await ask(texts, { strategy: 'parallel-majority', paths: 2, runs: 2 })
    expect(run.state.votes).toEqual([])
    expect(codes(run)).toContain('nothing-to-count-first')
    expect(run.state.answer).toBe('A walk, a quiz and a song.')
    const instruction = 'Say one word, please!'
    await run.after({ type: 'summarise', instruction })
    expect(run.state.answer).toBe('Sing.')
    expect(run.segment('s3')).toMatchObject({ group: null, instruction })
  })

  it('is asked for in its language', async () => {
    const run = await ask(chinese, {}, '周末可以做什么？')
    expect([run.state.question, run.state.answer]).toEqual(['text', '散步、画画、比赛，都可以。'])
    expect(run.segment('s1').instruction).toBe(instructionFor('text', '周末？'))
  })

  it('is answered by the path where there is only one', async () => {
    const run = await ask(texts, { strategy: 'sequential' })
    expect(run.state.question).toBe('text')
    expect(run.state.answer).toBe(run.segment('p1').text)
  })
})

describe('a question for code', () => {
  it('is asked for as one program', async () => {
    const run = await ask(code)
    expect(run.state.question).toBe('code')
    expect(run.segment('s1').instruction).toBe(instructionFor('code', 'Why?'))
    expect(run.state.answer).toBe('```python\ndef total(x, y):\n    return x + y\n```')
  })
})

describe('the kind that a user chooses', () => {
  it('holds before the start: nothing is decided from the paths', async () => {
    const run = await ask(texts, { question: 'value' })
    expect([run.state.question, run.state.answer]).toEqual(['value', null])
    expect(run.segment('s1').instruction).toBe(instructionFor('value', 'Why?'))
    const counted = await ask(values, { question: 'code', strategy: 'majority' })
    expect([counted.state.votes, counted.state.answer]).toEqual([[], null])
  })

  it('changes what counts as the answer, and what the next summary is asked for', async () => {
    const run = await ask(values, fused)
    await run.after({ type: 'question', kind: 'text' })
    expect([run.state.question, run.state.answer]).toEqual([
      'text',
      'Two of three hold: \\boxed{20}',
    ])
    await run.after({ type: 'summarise' })
    expect(run.segment('s2').instruction).toBe(instructionFor('text', 'Why?'))
    await run.after({ type: 'question', kind: 'value' })
    expect(run.state.answer).toBe('20')
    expect(told(run).filter((type) => type === 'question')).toHaveLength(3)
  })

  it('is refused before the run has begun', async () => {
    const run = start(engine, texts, 'What then?', asked)
    await expect(run.handle.command({ type: 'question', kind: 'text' })).rejects.toMatchObject({
      code: 'not-running',
    })
    await run.end()
    expect(run.events[0]!.type).toBe('run-started')
  })

  it('makes a majority count after all', async () => {
    const run = await ask(texts, { strategy: 'majority' })
    await run.handle.command({ type: 'question', kind: 'value' })
    expect(run.state.votes).toHaveLength(1)
    expect(run.state.votes[0]!.classes.map(({ answer }) => answer)).toEqual([null])
  })

  it('is kept by an instruction of the user’s own, without any hint', async () => {
    const instruction = 'Be brief.'
    const run = await ask(values, { ...fused, instruction })
    expect(run.segment('s1').instruction).toBe(instruction)
    expect(words(run, 's1').endsWith('\n\nBe brief.')).toBe(true)
    expect(words(run, 's1')).not.toContain('Answers that')
  })
})

describe('a model that thinks', () => {
  it('is joined by its answers, or with its thoughts if that was asked for', async () => {
    const run = await ask(thinking, fused)
    expect(run.state.answer).toBe('7')
    expect(run.state.thought).toEqual({ opens: ['<think>'], closes: ['</think>'], begins: false })
    for (const part of partsOf(run.segment('s1').source))
      if ('segment' in part) expect(part.from as number).toBeGreaterThan(0)
    const whole = await ask(thinking, { ...fused, joinThoughts: true })
    for (const part of partsOf(whole.segment('s1').source))
      if ('segment' in part) expect(part.from).toBeUndefined()
  })
})

describe('the budget of a summary', () => {
  it('is as long as a path by default, and its cells are reserved with the run’s', async () => {
    const { summaryBudget: _, ...rest } = asked
    const run = await solve(engine, texts, 'What then?', { ...rest, budget: 1500 })
    expect(run.segment('s1').budget).toBe(1500)
    expect(run.state.usage!.cells).toBeGreaterThan(5 * 1500)
  })
})
