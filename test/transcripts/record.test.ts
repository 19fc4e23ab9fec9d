import { rmSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { MAX_OWN_NOTICES } from '../../engine/protocol/limits.ts'
import { record } from '../../engine/transcripts/record.ts'
import { runStarted } from '../support/sample-run.ts'
import { file, store } from './support.ts'

it('a transcript that vanishes again and again says so a limited number of times', async () => {
  const restored: RunEvent = { type: 'notice', at: 1, code: 'transcript-restored' }
  async function* events(): AsyncGenerator<RunEvent> {
    yield runStarted('r1')
    for (let i = 0; i < MAX_OWN_NOTICES - 1; i++) yield restored
    for (let i = 0; i < 2; i++) {
      rmSync(file('r1.jsonl'))
      yield { type: 'question', at: 2, kind: 'value' }
    }
  }
  const types: string[] = []
  for await (const { event } of record(store, 'r1', events())) types.push(event.type)
  expect(types.slice(MAX_OWN_NOTICES)).toEqual(['notice', 'question', 'question'])
  // It is whole nevertheless.
  expect(store.events('r1').map(({ type }) => type)).toEqual(types)
})
