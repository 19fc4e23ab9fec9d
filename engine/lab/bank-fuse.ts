import { pathId, type EventOf, type RunEvent } from '../protocol/events.ts'
import { foldRun, type Segment } from '../protocol/fold.ts'
import type { EngineOptions, Fusion, QuestionKind } from '../protocol/request.ts'
import { summaryId, type SegmentId } from '../protocol/segments.ts'
import type { Engine, RunHandle } from '../run/index.ts'
import { fusedRun, type Bank, type Batch, type Fused } from './bank.ts'
import {
  eachTask,
  reasonOf,
  type Failure,
  type Lane,
  type Sequel,
  type Work,
} from './bank-record.ts'
import { beginsWith, checkModel, isReadable, recordedRun, tokensOf } from './bank-run.ts'

/** What a summary is asked to do: the usual for a kind of question, or an instruction with a name. */
export type Asked = { question: QuestionKind } | { name: string; instruction: string }

/** Which summaries to write. */
export interface Wanted {
  fusions: readonly Fusion[]
  /** How many of the recorded paths a summary reads, each number for itself. */
  widths: readonly number[]
  /** At most one kind of question, since a run has one; default: the usual for a value. */
  asked?: readonly Asked[] | undefined
}

/** What reads the paths. */
interface Reader {
  /** The model's file. */
  model: string
  /** How this machine computes, where it is not as in the recording. */
  engine: Partial<EngineOptions>
}

export interface FuseOptions extends Work, Wanted, Reader {
  /** Number of problems to take from the start of the bank; absent: all. */
  limit?: number | undefined
}

const nameOf = (asked: Asked): string => ('name' in asked ? asked.name : asked.question)

/** A summary that the bank lacks. */
type Missing = Fused & { how: Asked }

/**
 * Writes the summaries that the bank lacks: of the first paths of each problem, for every width,
 * fusion and instruction. Those of one problem are written in one run, which reads the paths once;
 * each then gets a transcript of its own.
 * `skipped` counts the problems and widths without that many paths, or without text in them.
 * Rejects with `cancelled` after the signal, or with the first error that concerns all runs; whole
 * summaries stay in the bank. Errors: `wrong-model`.
 */
export async function fusePaths(
  bank: Bank,
  engine: Pick<Engine, 'resume'>,
  { limit, model, engine: options, fusions, widths, asked, ...work }: FuseOptions,
): Promise<{ failures: Failure[]; skipped: number }> {
  await checkModel(bank, model)
  const kinds = kindsOf({ fusions, widths, asked })
  return bank.holding(kinds.map(workOf), async () => {
    let skipped = 0
    const problems = bank.info.problems.slice(0, limit).flatMap((problem) => {
      const recorded = bank.recorded(problem)?.paths ?? []
      skipped += widths.filter((width) => !isReadable(recorded, width)).length
      const missing = missingOf(bank, problem, recorded, kinds)
      return missing.length === 0 ? [] : [missing]
    })
    const reader = { model, engine: options }
    const failures = await eachTask(problems, work, {
      count: (missing) => missing.length,
      work: (missing, lane) => {
        const widest = missing.reduce((a, b) => (b.paths > a.paths ? b : a))
        const kind = missing.find(({ how }) => 'question' in how) ?? widest
        const run = runOf(bank, { ...kind, paths: widest.paths }, reader)
        const handle = engine.resume(run, { id: fusedRun(widest) })
        lane.open(handle)
        return summarise(bank, handle, missing, reader, lane)
      },
    })
    return { failures, skipped }
  })
}

/**
 * Returns what writes summaries as soon as a problem's paths are recorded: then those from the
 * cache find the cells of their paths and read nothing again. Batches that do not begin with path 1
 * have none.
 */
export function fusedAtOnce(bank: Bank, wanted: Wanted): Sequel {
  const kinds = kindsOf(wanted)
  const reader = { model: bank.info.model.file, engine: {} }
  const kindsFor = ({ first, last }: Batch) =>
    kinds.filter(({ paths }) => first === 1 && paths <= last)
  return {
    works: kinds.map(workOf),
    count: (batch) => kindsFor(batch).length,
    make: async (batch, handle, lane) => {
      const recorded = bank.recorded(batch.problem)!.paths
      const missing = missingOf(bank, batch.problem, recorded, kindsFor(batch))
      lane.did(kindsFor(batch).length - missing.length)
      return missing.length === 0 ? [] : summarise(bank, handle, missing, reader, lane)
    },
  }
}

type Kind = Omit<Missing, 'problem'>

const kindsOf = ({ fusions, widths, asked = [{ question: 'value' }] }: Wanted): Kind[] =>
  fusions.flatMap((fusion) =>
    widths.flatMap((paths) => asked.map((how) => ({ fusion, paths, how, asked: nameOf(how) }))),
  )

const workOf = ({ fusion, paths, asked }: Kind): string => `${fusion}-${paths}-${asked}`

/** Returns the summaries that the bank lacks of a problem, of those that its recorded paths allow. */
function missingOf(
  bank: Bank,
  problem: number,
  recorded: readonly Segment[],
  kinds: readonly Kind[],
): Missing[] {
  return kinds
    .filter(({ paths }) => isReadable(recorded, paths))
    .map((kind): Missing => ({ problem, ...kind }))
    .filter((one) => !isAsked(summaryOf(bank, one, recorded.slice(0, one.paths)), one.how))
}

/** Writes summaries of one problem's paths, which `handle` has, each into a transcript of its own. */
async function summarise(
  bank: Bank,
  handle: RunHandle,
  missing: readonly Missing[],
  reader: Reader,
  lane: Lane,
): Promise<Failure[]> {
  const asked = new Map<SegmentId, Missing>()
  const left = new Set(missing)
  // The next one is asked for when the last one has read its text, which may begin alike.
  const ask = async () => {
    const one = missing[asked.size]
    if (one === undefined) return
    const segments = Array.from({ length: one.paths }, (_, i) => pathId(i + 1))
    const { fusion, how } = one
    const instruction = 'instruction' in how ? how.instruction : undefined
    const { segment } = await handle.command({ type: 'summarise', segments, fusion, instruction })
    asked.set(segment as SegmentId, one)
  }
  await ask()
  const events: RunEvent[] = []
  let open = 0
  let read = 0
  for await (const event of handle.events) {
    events.push(event)
    if (event.type === 'segment-started') open++
    if (event.type === 'tokens') lane.wrote(event.tokens.length)
    if (event.type === 'segment-ended') {
      open--
      const one = asked.get(event.segment)!
      if (isWritten(event)) {
        write(bank, one, [...runOf(bank, one, reader), ...alone(events, event.segment)])
        left.delete(one)
        lane.did(1)
      }
    }
    const said = event.type === 'tokens' || event.type === 'segment-ended'
    if (said && event.segment === [...asked.keys()].at(-1) && read < asked.size) {
      read = asked.size
      await ask()
    }
    if (event.type === 'run-failed') break
    if (event.type === 'run-ended' && open === 0 && read === missing.length) break
  }
  if (lane.closed || left.size === 0) return []
  const why = reasonOf(handle.state)
  return [...left].map((one) => ({ run: fusedRun(one), why }))
}

/** Returns whether a summary was asked for like this; the usual instructions may change. */
const isAsked = (summary: Segment | null, asked: Asked): boolean =>
  summary !== null && (!('instruction' in asked) || summary.instruction === asked.instruction)

const isWritten = ({ reason }: Pick<Segment, 'reason'>): boolean =>
  reason === 'finished' || reason === 'budget'

/**
 * Returns the summary of a problem's first paths, which are `recorded`; null if the bank has none,
 * or one of other paths.
 */
export function summaryOf(bank: Bank, fused: Fused, recorded: readonly Segment[]): Segment | null {
  const state = bank.read(fusedRun(fused))
  const summary = state?.summaries[0]
  if (state === null || summary === undefined || !isWritten(summary)) return null
  const same = state.paths.length === recorded.length && beginsWith(state, recorded)
  return same ? summary : null
}

/** Returns the events of a run that has the first recorded paths of a problem and no summary yet. */
function runOf(bank: Bank, { how, ...fused }: Missing, { model, engine }: Reader): RunEvent[] {
  const recorded = bank.recorded(fused.problem)!
  const { run } = recorded
  return recordedRun(recorded, {
    run: fusedRun(fused),
    model,
    fusion: fused.fusion,
    settings: {
      ...run.settings!,
      strategy: 'parallel',
      paths: fused.paths,
      finish: 'last',
      ...('question' in how
        ? { question: how.question }
        : { question: 'value', instruction: how.instruction }),
      summaryBudget: bank.info.settings.summaryBudget,
      controls: { ...run.settings!.controls, fusion: fused.fusion },
      engine: { ...run.settings!.engine, ...engine },
    },
  })
}

/**
 * Returns the events of one summary, as the first of a run of its own. Notices that follow its
 * start are about how it reads its paths.
 */
function alone(events: readonly RunEvent[], segment: SegmentId): RunEvent[] {
  const own: RunEvent[] = []
  const from = events.findIndex((event) => 'segment' in event && event.segment === segment)
  const began = events[from]!.at
  let starting = true
  for (const event of events.slice(from)) {
    const at = Math.max(0, event.at - began)
    if (event.type === 'notice' && starting) own.push({ ...event, at })
    else if ('segment' in event && event.segment === segment)
      own.push({ ...event, at, segment: summaryId(1) } as RunEvent)
    else starting = false
  }
  return own
}

/** Writes the transcript of a run that ends with these events. */
function write(bank: Bank, fused: Missing, events: readonly RunEvent[]): void {
  const { promptTokens, paths, summaries } = foldRun(events, { live: false })
  const { at } = events.at(-1)!
  const ended: EventOf<'run-ended'> = {
    type: 'run-ended',
    at,
    reason: 'finished',
    answer: summaries[0]!.answer?.text ?? null,
    usage: {
      promptTokens: promptTokens.length,
      pathTokens: tokensOf(paths),
      summaryTokens: tokensOf(summaries),
      kvBytes: 0,
      cells: 0,
    },
    timings: { loadMs: 0, prefillMs: 0, pathsMs: 0, joinMs: 0, summaryMs: at, totalMs: at },
  }
  const run = fusedRun(fused)
  bank.store.discard(run)
  const { writer } = bank.store.create(run)
  for (const event of [...events, ended]) writer.append(event)
  bank.store.close(run)
}
