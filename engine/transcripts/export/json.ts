import { z } from 'zod'
import { answeringProgram } from '../../protocol/deciding.ts'
import type { RunEvent } from '../../protocol/events.ts'
import { meanLogprob, tokensPerSecond, type RunState, type Segment } from '../../protocol/fold.ts'
import { fail } from '../../protocol/errors.ts'
import { MAX_LINE } from '../../protocol/limits.ts'
import { NestsTooDeep, parseJson as readJson } from '../../protocol/json.ts'
import { atOnce, inSlices, Slices } from '../slices.ts'
import type { RunStore } from '../store.ts'
import { EventParser } from '../lines.ts'
import type { ExportedRun } from './export.ts'

/** Events or lines between two pauses of an import. */
const STEP = 64

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
 * Returns their names. Throws `bad-transcript`.
 */
export const importRuns = (store: RunStore, content: string): string[] =>
  atOnce(importing(store, content))

/**
 * As `importRuns`, but lets others have their turn while a long file is imported. Throws the reason
 * of `signal`; the run that is being imported then is discarded.
 */
export const importInSlices = (
  store: RunStore,
  content: string,
  signal?: AbortSignal,
): Promise<string[]> => inSlices(importing(store, content), new Slices({ signal }))

function* importing(store: RunStore, content: string): Generator<void, string[]> {
  const runs = yield* parse(content)
  const names: string[] = []
  for (const run of runs) names.push(yield* importingRun(store, run))
  return names
}

function* importingRun(store: RunStore, run: Imported): Generator<void, string> {
  // Check everything before writing anything.
  const [first] = run.events
  if (first?.type !== 'run-started') throw fail('bad-transcript/first')
  const { run: id, writer } = store.create()
  let whole = false
  try {
    writer.append({ ...first, run: id, importedFrom: first.run })
    const others = run.events.filter(({ type }) => type !== 'run-started')
    for (let i = 0; i < others.length; i += STEP) {
      writer.appendAll(others.slice(i, i + STEP))
      yield
    }
    store.close(id)
    whole = true
  } finally {
    // Also if the import is ended at a `yield`.
    if (!whole) store.discard(id)
  }
  const { title, starred, tags } = run
  if (title !== undefined || starred !== undefined || tags !== undefined)
    store.update(id, { title, starred, tags })
  return id
}

interface Imported {
  title?: string
  starred?: boolean
  tags?: string[]
  events: RunEvent[]
}

function* parse(content: string): Generator<void, Imported[]> {
  // The first line of a transcript is a value by itself; a JSON export has one value in all.
  const whole = !content.trimEnd().includes('\n') || parseJson(lineAt(content, 0)) === undefined
  const value = whole ? parseJson(content) : undefined
  if (value === undefined) return [{ events: yield* checkLines(content) }]
  const several = Runs.safeParse(value)
  const one = several.success ? undefined : Run.safeParse(value)
  if (
    several.success
      ? several.data.version > JSON_VERSION
      : one?.success === true && one.data.version > JSON_VERSION
  ) {
    throw fail('bad-transcript/newer')
  }
  if (several.success) return yield* checkRuns(several.data.runs)
  if (one?.success === true) return yield* checkRuns([one.data])
  if ((value as { type?: unknown } | null)?.type === 'run-started')
    return yield* checkRuns([{ events: [value] }])
  throw fail('bad-transcript/neither')
}

function parseJson(content: string): unknown {
  try {
    return readJson(content)
  } catch (error) {
    if (error instanceof NestsTooDeep)
      throw fail('bad-transcript/import', { reason: error.message })
    return undefined
  }
}

function* checkRuns<R extends { events: readonly unknown[] }>(
  runs: readonly R[],
): Generator<void, (Omit<R, 'events'> & { events: RunEvent[] })[]> {
  const checked = []
  for (const run of runs) {
    const checker = new EventChecker('Event')
    for (const [i, value] of run.events.entries()) {
      checker.add(value)
      if (i % STEP === 0) yield
    }
    checked.push({ ...run, events: checker.finished() })
  }
  return checked
}

/** Checks the lines of a bare transcript. A torn last line is dropped, as when a run is opened. */
function* checkLines(content: string): Generator<void, RunEvent[]> {
  if (content.trim() === '') throw fail('bad-transcript/empty')
  const checker = new EventChecker('Line')
  let start = 0
  for (let number = 1; start < content.length; number++) {
    const line = lineAt(content, start)
    start += line.length + 1
    if (line.length > MAX_LINE)
      throw fail('bad-transcript/line-length', { line: number, most: MAX_LINE >> 20 })
    const value = parseJson(line)
    if (value === undefined && number > 1 && start >= content.length) break
    if (value === undefined) throw fail('bad-transcript/line', { line: number })
    checker.add(value)
    if (number % STEP === 0) yield
  }
  return checker.finished()
}

/** Returns the line that begins at `start`, without its end. */
function lineAt(content: string, start: number): string {
  const end = content.indexOf('\n', start)
  return content.slice(start, end < 0 ? content.length : end)
}

/** Collects the events of one run. `called`: what its values are, in messages. */
class EventChecker {
  readonly #called: string
  readonly #parser = new EventParser()
  readonly #events: RunEvent[] = []
  #count = 0

  constructor(called: string) {
    this.#called = called
  }

  /** Throws `bad-transcript`. */
  add(value: unknown): void {
    const events = this.#parser.parse(value)
    this.#count++
    if (typeof events === 'string')
      throw fail('bad-transcript/file', {
        reason: `${this.#called} ${this.#count} is damaged: ${events}`,
      })
    for (const event of events ?? []) this.#events.push(event)
  }

  finished(): RunEvent[] {
    return [...this.#events, ...this.#parser.end()]
  }
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
  const answer = answeringProgram(state)
  if (answer === null) return null
  const { language, source } = answer.program
  return { segment: answer.segment, language, source }
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
