import type { RunEvent } from '../protocol/events.ts'
import type { RunState, Segment } from '../protocol/fold.ts'
import type { EngineOptions, Strategy } from '../protocol/request.ts'
import { resolveSettings } from '../protocol/settings.ts'
import type { Engine } from '../run/index.ts'
import { record } from '../transcripts/index.ts'
import { finishedRun, type Bank, type Finished } from './bank.ts'
import { eachTask, reasonOf, type Failure, type Lane, type Work } from './bank-record.ts'
import { beginsWith, checkModel, isReadable, recordedRun } from './bank-run.ts'

export interface FinishOptions extends Work {
  /** Which of `GOING_ON` go on. */
  strategies: readonly Strategy[]
  /** How many of the recorded paths a run begins with, each number for itself. */
  widths: readonly number[]
  /** Number of problems to take from the start of the bank; absent: all. */
  limit?: number | undefined
  /** The model's file. */
  model: string
  /** How this machine computes, where it is not as in the recording. */
  engine: Partial<EngineOptions>
}

/**
 * Finishes runs that begin with recorded paths, as these strategies would have gone on: rounds that
 * improve on them, one merged answer, or a tournament. Makes those that the bank lacks. `skipped`,
 * errors and what stays after them: as for `fusePaths`.
 */
export async function finishRuns(
  bank: Bank,
  engine: Pick<Engine, 'resume'>,
  { strategies, widths, limit, model, engine: options, ...work }: FinishOptions,
): Promise<{ failures: Failure[]; skipped: number }> {
  await checkModel(bank, model)
  const kinds = strategies.flatMap((strategy) => widths.map((paths) => ({ strategy, paths })))
  const works = kinds.map(({ strategy, paths }) => `${strategy}-${paths}`)
  return bank.holding(works, async () => {
    let skipped = 0
    const missing = bank.info.problems.slice(0, limit).flatMap((problem): Finished[] => {
      const recorded = bank.recorded(problem)?.paths ?? []
      skipped += widths.filter((width) => !isReadable(recorded, width)).length
      return kinds
        .filter(({ paths }) => isReadable(recorded, paths))
        .map((kind) => ({ problem, ...kind }))
        .filter((one) => finishedState(bank, one, recorded.slice(0, one.paths)) === null)
    })
    const failures = await eachTask(missing, work, {
      count: () => 1,
      work: (one, lane) => finish(bank, engine, one, { model, engine: options }, lane),
    })
    return { failures, skipped }
  })
}

/**
 * Returns the state of a run that a strategy finished, whose first paths are `recorded`; null if the
 * bank has none, or one of other paths.
 */
export function finishedState(
  bank: Bank,
  one: Finished,
  recorded: readonly Segment[],
): RunState | null {
  const state = bank.read(finishedRun(one))
  if (state === null || !isFinished(state)) return null
  return beginsWith(state, recorded) ? state : null
}

const isFinished = ({ status, endReason }: RunState): boolean =>
  status === 'ended' && endReason === 'finished'

async function finish(
  bank: Bank,
  engine: Pick<Engine, 'resume'>,
  one: Finished,
  { model, engine: options }: Pick<FinishOptions, 'model' | 'engine'>,
  lane: Lane,
): Promise<Failure[]> {
  const run = finishedRun(one)
  const begun = begunRun(bank, one, { model, engine: options })
  const handle = engine.resume(begun, { id: run, goOn: true })
  lane.open(handle)
  bank.store.discard(run)
  const { writer } = bank.store.create(run)
  let whole = false
  try {
    for (const event of begun) writer.append(event)
    let { state } = writer
    for await (const recorded of record(bank.store, run, handle.events, writer)) {
      const { event } = recorded
      state = recorded.state
      if (event.type === 'tokens') lane.wrote(event.tokens.length)
      if (event.type === 'run-ended' || event.type === 'run-failed') break
    }
    whole = !lane.closed && isFinished(state)
    if (whole) lane.did(1)
    return whole || lane.closed ? [] : [{ run, why: reasonOf(state) }]
  } finally {
    if (!whole) bank.store.discard(run)
  }
}

/** Returns the events of a run of this strategy that has its first paths and nothing else. */
function begunRun(
  bank: Bank,
  { problem, strategy, paths }: Finished,
  { model, engine }: Pick<FinishOptions, 'model' | 'engine'>,
): RunEvent[] {
  const { probeEvery: _, ...settings } = bank.info.settings
  const recorded = bank.recorded(problem)!
  return recordedRun(recorded, {
    run: finishedRun({ problem, strategy, paths }),
    model,
    settings: resolveSettings(
      {
        ...settings,
        strategy,
        paths,
        question: 'value',
        seed: recorded.run.settings!.seed,
        engine: { ...settings.engine, ...engine },
      },
      { metadata: {}, nativePaths: 0 },
    ),
  })
}
