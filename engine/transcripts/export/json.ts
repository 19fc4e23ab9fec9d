import { z } from 'zod'
import { decidingProgram } from '../../protocol/deciding.ts'
import type { RunEvent } from '../../protocol/events.ts'
import { meanLogprob, tokensPerSecond, type RunState, type Segment } from '../../protocol/fold.ts'
import { BraidError } from '../../protocol/errors.ts'
import { NestsTooDeep, parseJson as readJson } from '../../protocol/json.ts'
import type { RunStore } from '../store.ts'
import { EventParser } from '../lines.ts'
import type { ExportedRun } from './export.ts'

/** Version of the format. Version 1 held events of format 1 and can still be imported. */
export const JSON_VERSION = 2

/**
 * The export of one run (docs/transcript.md). `events` is the run itself. `result` summarises it
 * for readers that do not fold events, and is ignored by imports.
 */
const Run = z.looseObject({
  format: z.literal('braid-run'),
  version: z.int().min(1),
  title: z.string().max(500).optional(),
  starred: z.boolean().optional(),
  tags: z.array(z.string().max(64)).max(32).optional(),
  events: z.array(z.unknown()).min(1),
})
const Runs = z.looseObject({
  format: z.literal('braid-runs'),
  version: z.int().min(1),
  runs: z.array(Run).min(1).max(64),
})

export function exportJson(runs: ExportedRun[]): string {
  const [only, ...others] = runs.map(runObject)
  const value =
    others.length === 0
      ? only
      : { format: 'braid-runs', version: JSON_VERSION, runs: [only, ...others] }
  return JSON.stringify(value, null, 1) + '\n'
}

/**
 * Imports a JSON export of one or more runs, or a bare transcript, into new runs of the store.
 * Returns their names.
 */
export function importRuns(store: RunStore, content: string): string[] {
  const runs = parse(content)
  return runs.map((run) => {
    // Check everything before writing anything.
    const [first, ...events] = run.events
    if (first?.type !== 'run-started')
      throw new BraidError('bad-transcript', 'The first event is not run-started.')
    const { run: id, writer } = store.create()
    try {
      writer.append({ ...first, run: id, importedFrom: first.run })
      for (const event of events) {
        if (event.type !== 'run-started') writer.append(event)
      }
      store.close(id)
    } catch (error) {
      store.discard(id)
      throw error
    }
    const { title, starred, tags } = run
    if (title !== undefined || starred !== undefined || tags !== undefined)
      store.update(id, { title, starred, tags })
    return id
  })
}

interface Imported {
  title?: string
  starred?: boolean
  tags?: string[]
  events: RunEvent[]
}

function parse(content: string): Imported[] {
  const value = parseJson(content)
  if (value === undefined) return [{ events: checkLines(content) }]
  const several = Runs.safeParse(value)
  const one = several.success ? undefined : Run.safeParse(value)
  if (
    several.success
      ? several.data.version > JSON_VERSION
      : one?.success === true && one.data.version > JSON_VERSION
  ) {
    throw new BraidError('bad-transcript', 'The file was written by a newer Braid.')
  }
  if (several.success)
    return several.data.runs.map((run) => ({ ...run, events: checkEvents(run.events) }))
  if (one?.success === true) return [{ ...one.data, events: checkEvents(one.data.events) }]
  if ((value as { type?: unknown } | null)?.type === 'run-started')
    return [{ events: checkEvents([value]) }]
  throw new BraidError(
    'bad-transcript',
    'The file is neither a transcript nor a JSON export of Braid.',
  )
}

function parseJson(content: string): unknown {
  try {
    return readJson(content)
  } catch (error) {
    if (error instanceof NestsTooDeep)
      throw new BraidError('bad-transcript', `The file cannot be imported: ${error.message}`)
    return undefined
  }
}

function checkEvents(values: readonly unknown[], called = 'Event'): RunEvent[] {
  const parser = new EventParser()
  const events = values.flatMap((value, i) => check(parser.parse(value), `${called} ${i + 1}`))
  return [...events, ...parser.end()]
}

/** Checks the lines of a bare transcript. A torn last line is dropped, as when a run is opened. */
function checkLines(content: string): RunEvent[] {
  if (content.trim() === '') throw new BraidError('bad-transcript', 'The file is empty.')
  const lines = content.split('\n')
  if (lines.at(-1) === '') lines.pop()
  const values: unknown[] = []
  for (const [i, line] of lines.entries()) {
    const value = parseJson(line)
    if (value === undefined && i > 0 && i === lines.length - 1) break
    if (value === undefined)
      throw new BraidError(
        'bad-transcript',
        `The file is neither a transcript nor a JSON export of Braid (line ${i + 1}).`,
      )
    values.push(value)
  }
  return checkEvents(values, 'Line')
}

function check(events: RunEvent[] | null | string, where: string): RunEvent[] {
  if (typeof events === 'string')
    throw new BraidError('bad-transcript', `${where} is damaged: ${events}`)
  return events ?? []
}

function runObject({ run, title, starred, tags, events, state }: ExportedRun) {
  return {
    format: 'braid-run',
    version: JSON_VERSION,
    run,
    title,
    starred,
    tags,
    result: result(state),
    events,
  }
}

function result(state: RunState) {
  return {
    status: state.status,
    problem: state.problem,
    answer: state.answer,
    error: state.error,
    votes: state.votes,
    agreement: state.agreement,
    program: programOf(state),
    question: state.question,
    paths: state.paths.map(segmentResult),
    summaries: state.summaries.map(segmentResult),
    others: state.others.map(segmentResult),
  }
}

/** Returns the program that is the answer; null if none is. */
function programOf(state: RunState) {
  const segment = decidingProgram(state)
  if (segment === undefined) return null
  const { language, source } = state.agreement!.programs[state.agreement!.of.indexOf(segment)]!
  return { segment, language, source }
}

function segmentResult(one: Segment) {
  const { segment, role, group, thought, seed, parent, budget, reads, fusion, cuts } = one
  const { status, reason, error, answer, tokens, text, startedAt, firstTokenAt, endedAt } = one
  return {
    segment,
    role,
    group,
    thought,
    seed,
    budget,
    parent,
    reads,
    fusion,
    cuts,
    status,
    reason,
    error,
    answer,
    tokens: tokens.length,
    meanLogprob: meanLogprob(one),
    tokensPerSecond: tokensPerSecond(one),
    startedAt,
    firstTokenAt,
    endedAt,
    text,
  }
}
