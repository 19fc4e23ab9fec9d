import { filesOf } from '../models/index.ts'
import { fail } from '../protocol/errors.ts'
import { FORMAT_VERSION, pathId, type EventOf, type RunEvent } from '../protocol/events.ts'
import type { RunState, Segment } from '../protocol/fold.ts'
import type { Fusion, RunSettings } from '../protocol/request.ts'
import { shapeOf } from '../protocol/shapes.ts'
import type { Bank } from './bank.ts'
import { hashFiles } from './open.ts'

/** Rejects with `wrong-model` if the paths of the bank are not of this model. */
export async function checkModel({ info }: Bank, file: string): Promise<void> {
  const sha256 = await hashFiles(filesOf(file))
  if (sha256 !== info.model.sha256)
    throw fail('wrong-model/bank', {
      file,
      model: info.model.name,
      sha256,
      wanted: info.model.sha256,
    })
}

/** Returns whether there are as many recorded paths, and text in them. */
export const isReadable = (recorded: readonly Segment[], width: number): boolean =>
  recorded.length >= width && recorded.slice(0, width).some(({ tokens }) => tokens.length > 0)

/** Returns whether a run's first paths are these recorded ones. */
export const beginsWith = (
  { paths }: Pick<RunState, 'paths'>,
  recorded: readonly Segment[],
): boolean =>
  recorded.every(({ text, seed }, i) => paths[i]?.text === text && paths[i].seed === seed)

export const tokensOf = (segments: readonly Segment[]): number =>
  segments.reduce((sum, { tokens }) => sum + tokens.length, 0)

/** Returns the events of a run, not ended yet, that has the first `settings.paths` recorded paths of a problem. */
export function recordedRun(
  { paths, run }: NonNullable<ReturnType<Bank['recorded']>>,
  {
    run: id,
    model,
    fusion,
    settings,
  }: { run: string; model: string; fusion?: Fusion; settings: RunSettings },
): RunEvent[] {
  const started: EventOf<'run-started'> = {
    type: 'run-started',
    at: 0,
    format: FORMAT_VERSION,
    run: id,
    time: new Date().toISOString(),
    problem: run.problem,
    settings,
    model: { ...run.model!, address: { file: model } },
    engine: { ...run.engine!, options: settings.engine },
    promptTokens: [...run.promptTokens],
    fusion: fusion ?? run.fusion!,
    ...(run.thought !== null && { thought: run.thought }),
    importedFrom: run.run,
  }
  const { size } = shapeOf(settings, false)
  const first = paths.slice(0, settings.paths)
  return [started, ...first.flatMap((path, i) => eventsOf(path, i, Math.floor(i / size) + 1))]
}

/** Returns the events of a recorded path in a run that began after it. */
function eventsOf(path: Segment, index: number, group: number): RunEvent[] {
  const { thought, seed, budget, reason, answer, tokens } = path
  const [segment, at] = [pathId(index + 1), 0]
  return [
    {
      type: 'segment-started',
      at,
      segment,
      role: 'path',
      group,
      source: { type: 'prompt' },
      thought,
      seed,
      budget,
    },
    { type: 'tokens', at, segment, tokens: tokens.slice() },
    { type: 'segment-ended', at, segment, reason: reason!, answer },
  ]
}
