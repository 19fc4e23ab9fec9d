/**
 * Records the transcript that comes with the window, with a real model:
 *   npx tsx scripts/record-sample.ts --model FILE --problem TEXT [--paths 4] [--budget 128] [--summary-budget 128] [--seed 1]
 * Leaves out the file's folder and the run's name; everything else is as it happened.
 */
import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadAddon } from '../engine/native/index.ts'
import { errorText, fileOf, type RunEvent } from '../engine/protocol/events.ts'
import { foldRun } from '../engine/protocol/fold.ts'
import { Engine } from '../engine/run/index.ts'
import { braidVersion } from '../engine/programs/index.ts'

const OUT = fileURLToPath(new URL('../renderer/samples/sample.jsonl', import.meta.url))
const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    problem: { type: 'string' },
    paths: { type: 'string', default: '4' },
    budget: { type: 'string', default: '128' },
    'summary-budget': { type: 'string', default: '128' },
    seed: { type: 'string', default: '1' },
  },
})
const { model, problem } = values
if (model === undefined || problem === undefined)
  throw new Error('Usage: record-sample.ts --model FILE --problem TEXT')

const engine = new Engine({ addon: loadAddon(), version: braidVersion() })
const events: RunEvent[] = []
const run = engine.think(
  {
    problem,
    model,
    settings: {
      paths: Number(values.paths),
      budget: Number(values.budget),
      summaryBudget: Number(values['summary-budget']),
      seed: Number(values.seed),
      finish: 'last',
      alternatives: 4,
      engine: { device: 'cpu' },
    },
  },
  { id: 'sample' },
)
for await (const event of run.events) {
  events.push(
    event.type === 'run-started'
      ? { ...event, model: { ...event.model, address: { file: basename(fileOf(event.model)!) } } }
      : event,
  )
  if (event.type === 'run-ended' || event.type === 'run-failed') break
}
await engine.close()
const state = foldRun(events)
if (state.status !== 'ended')
  throw new Error(
    `The run did not end: ${state.error === null ? state.status : errorText(state.error)}`,
  )
// Six digits of a logprob are more than the window shows.
const short = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
writeFileSync(OUT, events.map((event) => JSON.stringify(event, short) + '\n').join(''))
console.log(
  `${OUT}: ${state.paths.map(({ answer }) => answer?.text ?? '-').join(' | ')} => ${state.answer ?? state.summaries[0]?.text}`,
)
