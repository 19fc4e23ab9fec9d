import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Job } from '../../engine/protocol/agreement.ts'
import { decidingProgram } from '../../engine/protocol/deciding.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { partsOf } from '../../engine/protocol/segments.ts'
import { Sandbox } from '../../engine/sandbox/index.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { newEngine, solve, start, Watched, type Settings } from './support.ts'

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

/** Probes end in a point, as do the instructions of summaries; `merged` ends in another sign. */
const merged = 'Merge them!'
const python = model({
  '?': [
    'Sum of it:\n\n```python\ndef total(items):\n    return sum(items)\n```\n',
    '```python\ndef total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n```\nO(n).',
    '```python\ndef total(x):\n    return max(x)\n```\n',
  ],
  '.': ['total([1, 2, 3])\ntotal([])\ntotal([5])\ntotal([-4, 4])\n'],
  '!': ['Merged:\n\n```python\ndef total(a):\n    return sum(a, 0)\n```\n'],
})
const rust = model({
  '?': [
    '```rust\nfn total(items: &[i64]) -> i64 { items.iter().sum() }\n```\n',
    '```rust\nfn total(v: &[i64]) -> i64 { let mut s = 0; for x in v { s += x } s }\n```\n',
  ],
  '!': ['```rust\nfn total(all: &[i64]) -> i64 { all.iter().copied().sum() }\n```\n'],
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
    expect(won.text).toMatch(/sum\(items\)|result \+= value/)
    expect(state.answer).toBe(won.text.trim())
    expect(state.summaries).toEqual([])
    expect(codes(run)).not.toContain('nothing-to-summarise')
    const [probe] = state.others
    expect(partsOf(probe!.source)).toHaveLength(1)
    expect(state.usage!.probeTokens).toBe(probe!.tokens.length)
    expect(foldRun(run.events)).toEqual(state)
  })
})
