import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { writeScripted, type Scripts } from '../support/scripted-model.ts'
import { newEngine, solve } from './support.ts'

const engine = newEngine()
const files: string[] = []
afterAll(() => {
  for (const file of files) rmSync(dirname(file), { recursive: true })
})
const model = (scripts: Scripts): string => {
  const file = writeScripted(scripts)
  files.push(file)
  return file
}

describe('a scripted model', () => {
  it('says it', async () => {
    const file = model({ '?': ['The cat sat. The cat ate 5 of 5.', 'A dog ran; the dog sat.'], '.': ['All in all, a zoo.'] })
    const run = await solve(engine, file, 'Who?', { paths: 4, budget: 60, seed: 1 })
    console.log(run.state.paths.map((p) => [p.text, p.reason, p.answer]), run.state.summaries.map((p) => [p.text, p.reason, p.instruction]), run.state.question, run.state.answer)
    expect(1).toBe(1)
  })
})
