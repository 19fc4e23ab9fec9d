import { filesOf } from '../models/index.ts'
import { BraidError } from '../protocol/errors.ts'
import { FORMAT_VERSION, pathId, type EventOf, type RunEvent } from '../protocol/events.ts'
import type { Segment } from '../protocol/fold.ts'
import type { EngineOptions, QuestionKind, RunSettings } from '../protocol/request.ts'
import type { Engine } from '../run/index.ts'
import { fusedRun, type Bank, type Fused } from './bank.ts'
import { eachRun, type Failure, type Work } from './bank-record.ts'
import { hashFiles } from './lab.ts'

/** What a summary is asked to do: the usual for a kind of question, or an instruction with a name. */
export type Asked = { question: QuestionKind } | { name: string; instruction: string }

export interface FuseOptions extends Work, Pick<Fused, 'fusion' | 'paths'> {
  /** Default: the usual for a value. */
  asked?: Asked | undefined
  /** Number of problems to take from the start of the bank; absent: all. */
  limit?: number | undefined
  /** The model's file. */
  model: string
  /** How this machine computes, where it is not as in the recording. */
  engine: Partial<EngineOptions>
}

/**
 * Writes a summary of the first `paths` recorded paths of each problem, where the bank lacks it.
 * `skipped` counts the problems without that many paths, or without text in them. Rejects with `cancelled` after the signal,
 * or with the first error that concerns all runs; whole summaries stay in the bank. Errors:
 * `wrong-model`.
 */
export async function fusePaths(
  bank: Bank,
  engine: Pick<Engine, 'resume'>,
  {
    fusion,
    paths,
    limit,
    model,
    engine: options,
    asked = { question: 'value' },
    ...work
  }: FuseOptions,
): Promise<{ failures: Failure[]; skipped: number }> {
  const sha256 = await hashFiles(filesOf(model))
  if (sha256 !== bank.info.model.sha256)
    throw new BraidError(
      'wrong-model',
      `${model} is not the model of this bank, ${bank.info.model.name}: its SHA-256 is ${sha256}, not ${bank.info.model.sha256}.`,
    )
  const name = 'name' in asked ? asked.name : asked.question
  const lock = bank.lock(`${fusion}-${paths}-${name}`)
  try {
    const fused = bank.info.problems
      .slice(0, limit)
      .map((problem): Fused => ({ problem, fusion, paths, asked: name }))
    let skipped = 0
    const missing = fused.filter((one) => {
      const recorded = bank.recorded(one.problem)?.paths.slice(0, paths) ?? []
      if (recorded.length === paths && recorded.some(({ tokens }) => tokens.length > 0))
        return !isAsked(summaryOf(bank, one, recorded), asked)
      skipped++
      return false
    })
    const failures = await eachRun(bank, missing, work, (one) => ({
      run: fusedRun(one),
      isWhole: ({ summaries: [summary] }) => summary !== undefined && isWritten(summary),
      start: () => {
        const events = runOf(bank, one, { model, engine: options, asked })
        const handle = engine.resume(events, { id: fusedRun(one) })
        const { writer } = bank.store.create(fusedRun(one))
        for (const event of events) writer.append(event)
        return { handle, resumed: { writer, command: { type: 'summarise', fusion } } }
      },
    }))
    return { failures, skipped }
  } finally {
    lock.release()
  }
}

/** Returns whether a summary was asked for like this; the usual instructions may change. */
const isAsked = (summary: Segment | null, asked: Asked): boolean =>
  summary !== null && (!('instruction' in asked) || summary.instruction === asked.instruction)

const isWritten = ({ reason }: Segment): boolean => reason === 'finished' || reason === 'budget'

/**
 * Returns the summary of a problem's first paths, which are `recorded`; null if the bank has none,
 * or one of other paths.
 */
export function summaryOf(bank: Bank, fused: Fused, recorded: readonly Segment[]): Segment | null {
  const state = bank.read(fusedRun(fused))
  const summary = state?.summaries[0]
  if (state === null || summary === undefined || !isWritten(summary)) return null
  const same =
    state.paths.length === recorded.length &&
    recorded.every(({ text, seed }, i) => {
      const path = state.paths[i]!
      return path.text === text && path.seed === seed
    })
  return same ? summary : null
}

/** Returns the events of a run that has the first recorded paths of a problem and no summary yet. */
function runOf(
  bank: Bank,
  fused: Fused,
  { model, engine, asked }: Pick<FuseOptions, 'model' | 'engine'> & { asked: Asked },
): RunEvent[] {
  const { paths, run } = bank.recorded(fused.problem)!
  const settings: RunSettings = {
    ...run.settings!,
    strategy: 'parallel',
    paths: fused.paths,
    finish: 'last',
    ...('question' in asked
      ? { question: asked.question }
      : { question: 'value', instruction: asked.instruction }),
    summaryBudget: bank.info.settings.summaryBudget,
    controls: { ...run.settings!.controls, fusion: fused.fusion },
    engine: { ...run.settings!.engine, ...engine },
  }
  const started: EventOf<'run-started'> = {
    type: 'run-started',
    at: 0,
    format: FORMAT_VERSION,
    run: fusedRun(fused),
    time: new Date().toISOString(),
    problem: run.problem,
    settings,
    model: { ...run.model!, address: { file: model } },
    engine: { ...run.engine!, options: settings.engine },
    promptTokens: [...run.promptTokens],
    fusion: fused.fusion,
    importedFrom: run.run,
  }
  return [started, ...paths.slice(0, fused.paths).flatMap(eventsOf)]
}

/** Returns the events of a recorded path in a run that began after it. */
function eventsOf(path: Segment, index: number): RunEvent[] {
  const { thought, seed, budget, reason, answer, tokens } = path
  const [segment, at] = [pathId(index + 1), 0]
  return [
    {
      type: 'segment-started',
      at,
      segment,
      role: 'path',
      group: 1,
      source: { type: 'prompt' },
      thought,
      seed,
      budget,
    },
    { type: 'tokens', at, segment, tokens: tokens.slice() },
    { type: 'segment-ended', at, segment, reason: reason!, answer },
  ]
}
