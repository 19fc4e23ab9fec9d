import { expect, it } from 'vitest'
import { fuzzCommands } from './fuzz.ts'

const RUNS = 200

it('random commands at random moments: every run ends, its transcript is what it was, and the engine lives', async () => {
  const { runs, commands, ends } = await fuzzCommands({ seed: 1, runs: RUNS })
  expect(runs).toBe(RUNS)
  // What happens follows from the seed as far as moments allow: it was not always the same.
  for (const type of [
    'stop',
    'drop',
    'restore',
    'extend',
    'branch',
    'summarise',
    'override-vote',
    'compare',
    'question',
  ])
    expect(commands.get(type), type).toBeGreaterThan(0)
  for (const kind of ['probed', 'judged', 'compared'])
    expect(ends.get(kind), kind).toBeGreaterThan(0)
  expect(ends.get('ended finished')).toBeGreaterThan(RUNS / 4)
}, 300_000)
