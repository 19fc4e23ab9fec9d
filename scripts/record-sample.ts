/**
 * Records the run that the window replays in the first minute (renderer/samples/README.md), with a real model:
 *   npx tsx scripts/record-sample.ts MODEL.gguf [--problem TEXT] [--seed N] [--out FILE]
 * Leaves out the file's folder and the run's name; everything else is as it happened.
 */
import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadAddon } from '../engine/native/index.ts'
import { errorText, fileOf, type RunEvent } from '../engine/protocol/events.ts'
import { foldRun } from '../engine/protocol/fold.ts'
import type { RunRequest } from '../engine/protocol/request.ts'
import { Engine } from '../engine/run/index.ts'
import { braidVersion } from '../engine/programs/index.ts'

const OUT = fileURLToPath(new URL('../renderer/samples/sample.jsonl', import.meta.url))
const PROBLEM =
  'A market stall sells jam at 4 euros a jar, and every third jar is free. Paul takes 11 jars. How many euros does he pay?'
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    problem: { type: 'string', default: PROBLEM },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: OUT },
  },
})
const [model] = positionals
if (model === undefined) throw new Error('Usage: record-sample.ts MODEL.gguf')

/** One thread and a context of its own: the same tokens every time, on processors of the same kind. */
const settings: RunRequest['settings'] = {
  system:
    'Solve the problem in at most four short sentences, without code. End with the answer in \\boxed{}.',
  paths: 4,
  budget: 200,
  summaryBudget: 160,
  finish: 'last',
  question: 'value',
  seed: Number(values.seed),
  sampling: { temperature: 0.8 },
  alternatives: 2,
  alone: true,
  controls: { fusion: 'cache' },
  engine: { device: 'cpu', threads: 1 },
}

const engine = new Engine({ addon: loadAddon(), version: braidVersion() })
const events: RunEvent[] = []
const run = engine.think({ problem: values.problem, model, settings }, { id: 'sample' })
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
writeFileSync(values.out, events.map((event) => JSON.stringify(event, short) + '\n').join(''))
console.log(
  `${values.out}: ${state.paths.map(({ answer }) => answer?.text ?? '-').join(' | ')} => ${state.answer ?? state.summaries[0]?.text}`,
)
