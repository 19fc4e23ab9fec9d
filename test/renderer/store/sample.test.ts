import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RunEvent } from '../../../engine/protocol/events.ts'
import { foldRun } from '../../../engine/protocol/fold.ts'

test('the transcript that comes with the window is whole and of the present format', () => {
  const text = readFileSync(
    new URL('../../../renderer/samples/sample.jsonl', import.meta.url),
    'utf8',
  )
  const events = text
    .trimEnd()
    .split('\n')
    .map((line) => RunEvent.parse(JSON.parse(line)))
  const state = foldRun(events)
  expect(state.status).toBe('ended')
  expect(state.paths.length).toBeGreaterThan(1)
  expect(state.summaries[0]!.reads).toEqual(state.paths.map(({ segment }) => segment))
  expect(state.answer).toBe(state.summaries[0]!.answer!.text)
})
