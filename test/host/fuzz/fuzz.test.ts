import { expect, it } from 'vitest'
import { fuzzHost } from './fuzz.ts'

const SEQUENCES = 300

it('two windows ask one host for anything at any moment: they show what the transcripts say, nothing stays at work, no watchdog outlives its command, and the engine lives', async () => {
  const { sequences, requests, ends } = await fuzzHost({ seed: 1, sequences: SEQUENCES })
  expect(sequences).toBe(SEQUENCES)
  // What happens follows from the seed as far as moments allow: it was not always the same.
  for (const type of [
    'stop',
    'drop',
    'restore',
    'extend',
    'branch',
    'summarise',
    'override-vote',
    'question',
    'stop-all',
    'cancel',
  ])
    expect(requests.get(`command ${type}`) ?? 0, type).toBeGreaterThan(0)
  for (const method of [
    'run.start, follow-up',
    'run.attribution',
    'run.attribution.cancel',
    'run.attribution: cancelled',
    'engine.unload',
    'runs.delete',
    'runs.restore',
    'runs.search',
    'runs.import',
    'runs.watch',
  ])
    expect(requests.get(method) ?? 0, method).toBeGreaterThan(0)
  for (const end of ['ended finished', 'ended stopped', 'ended cancelled', 'interrupted '])
    expect(ends.get(end) ?? 0, end).toBeGreaterThan(0)
}, 1_200_000)
