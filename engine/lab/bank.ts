import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { makeFolder, MAX_OWN_FILE, readText, writeAtomic, WriteLock } from '../files/index.ts'
import { BraidError, fail } from '../protocol/errors.ts'
import { pathId } from '../protocol/events.ts'
import { foldRun, type ProbeState, type RunState, type Segment } from '../protocol/fold.ts'
import { Fusion, MAX_PATHS, RunSettings, type Strategy } from '../protocol/request.ts'
import { GOING_ON } from '../protocol/shapes.ts'
import { RunStore } from '../transcripts/index.ts'
import type { Problem } from './problems.ts'
import { sampleSeed } from './unit.ts'

/**
 * A path bank: paths that are recorded once, so that methods which use them (a vote, a summary) are
 * compared on the same paths. Its folder holds `bank.json`, and in `runs` one ordinary transcript
 * per problem and batch of paths and one per summary, so that `BRAID_DATA=FOLDER` opens all of
 * them in the workbench.
 */

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/)

/** What all paths of a bank share: bank.json. */
export const BankInfo = z.object({
  format: z.literal(1),
  /** Version of Braid that began the bank. */
  braid: z.string(),
  data: z.object({
    file: z.string(),
    sha256: Sha256,
    /** Fields of the problem's text and answer, if they were named. */
    fields: z.object({ problem: z.string().optional(), answer: z.string().optional() }),
  }),
  /** Positions of the chosen problems in the data file, from 0, ascending. */
  problems: z.array(z.int().min(0)),
  /** Number of paths per problem. */
  paths: z.int().min(1).max(MAX_PATHS),
  model: z.object({
    name: z.string(),
    file: z.string(),
    sha256: Sha256,
    headerSha256: Sha256,
  }),
  /** Text that follows each problem in its prompt. */
  suffix: z.string(),
  /** Determines the seeds of the batches. */
  seed: z.int().min(0),
  settings: RunSettings.pick({
    budget: true,
    summaryBudget: true,
    system: true,
    templateVariables: true,
    sampling: true,
    alternatives: true,
    engine: true,
    confidence: true,
    probeEvery: true,
  }),
})
export type BankInfo = z.infer<typeof BankInfo>

/** Paths `first` to `last` of a problem, counted from 1, which one transcript holds. */
export interface Batch {
  problem: number
  first: number
  last: number
}

/** A summary of the first `paths` paths of a problem. */
export interface Fused {
  problem: number
  fusion: Fusion
  paths: number
  /** Names what the model was asked to do; absent in banks of Braid 0.1, which had one instruction. */
  asked?: string | undefined
}

/** A run that a strategy finished, from the first `paths` paths of a problem. */
export interface Finished {
  problem: number
  strategy: Strategy
  paths: number
}

const name = (problem: number) => `q${String(problem).padStart(4, '0')}`
const FUSED = new RegExp(
  String.raw`^q\d{4,}-(${Fusion.options.join('|')})-\d+(?:-([\w.]+))?\.jsonl$`,
)
const BATCH = /^q\d{4,}-p(\d+)-(\d+)\.jsonl$/

/** Names the transcript of a batch of paths. */
export const batchRun = ({ problem, first, last }: Batch): string =>
  `${name(problem)}-p${first}-${last}`

/** Names the transcript of a summary. */
export const fusedRun = ({ problem, fusion, paths, asked }: Fused): string =>
  `${name(problem)}-${fusion}-${paths}${asked === undefined ? '' : `-${asked}`}`

/** Names the transcript of a run that a strategy finished. */
export const finishedRun = ({ problem, strategy, paths }: Finished): string =>
  `${name(problem)}-${strategy}-${paths}`

/** Returns the seed of the run that records a batch. */
export const batchSeed = (info: Pick<BankInfo, 'seed'>, { problem, first }: Batch): number =>
  sampleSeed(info.seed, problem, first - 1)

export class Bank {
  readonly store: RunStore
  #info: BankInfo

  private constructor(
    readonly folder: string,
    info: BankInfo,
  ) {
    this.#info = info
    this.store = new RunStore(folder)
  }

  /** Opens a bank. Errors: `bad-request` if the folder holds none, `io`. */
  static open(folder: string): Bank {
    const info = readInfo(folder)
    if (info === null) throw fail('bad-request/no-bank', { folder })
    return new Bank(folder, info)
  }

  /**
   * Opens or begins the bank that holds these paths. Problems and paths are added to those it has.
   * Errors: `bad-request`, with what differs, if the folder holds a bank of another model, other
   * data or other settings; `io`, `disk-full`.
   */
  static begin(folder: string, asked: BankInfo): Bank {
    const found = readInfo(folder)
    const info = found === null ? asked : merged(folder, found, asked)
    if (!isDeepStrictEqual(found, info)) {
      makeFolder(folder, 'Creating the folder of a bank')
      writeAtomic(infoFile(folder), `${JSON.stringify(info, null, 1)}\n`, 'Beginning a bank')
    }
    return new Bank(folder, info)
  }

  get info(): BankInfo {
    return this.#info
  }

  /** Does something while no other process does any of these works. Errors: `bad-request` if one does. */
  async holding<T>(works: readonly string[], task: () => Promise<T>): Promise<T> {
    const locks: WriteLock[] = []
    try {
      for (const work of works)
        locks.push(new WriteLock(join(this.folder, `${work}.lock`), 'this bank'))
      return await task()
    } finally {
      for (const lock of locks) lock.release()
    }
  }

  /**
   * Returns a problem's batches that are whole, in order of their paths. A torn transcript or one
   * that stops early is not whole. Errors: `bad-transcript` if a transcript is of another bank.
   */
  batches(problem: number): { batch: Batch; state: RunState }[] {
    return this.#batchesOf(problem).flatMap((batch) => {
      const state = this.read(batchRun(batch))
      if (state === null || !isRecorded(state, batch)) return []
      if (state.settings!.seed !== batchSeed(this.#info, batch) || !this.#isOwn(state))
        throw fail('bad-transcript/other-bank', { run: batchRun(batch), folder: this.folder })
      return [{ batch, state }]
    })
  }

  /** Returns the batches that are still to be recorded so that a problem has paths 1 to `paths`. */
  missing(problem: number, paths: number): Batch[] {
    const gaps: Batch[] = []
    let first = 1
    for (const { batch } of this.batches(problem)) {
      if (batch.first > first) gaps.push({ problem, first, last: batch.first - 1 })
      first = Math.max(first, batch.last + 1)
    }
    if (first <= paths) gaps.push({ problem, first, last: paths })
    return gaps
  }

  /**
   * Returns the recorded paths of a problem, from path 1 up to the first gap and numbered so, the
   * transcript of each, the answers that they gave on the way, and the state of the run that holds
   * path 1; null if there is none.
   */
  recorded(
    problem: number,
  ): { paths: Segment[]; runs: string[]; probes: ProbeState[]; run: RunState } | null {
    const batches = this.batches(problem)
    const paths: Segment[] = []
    const runs: string[] = []
    const probes: ProbeState[] = []
    for (const { batch, state } of batches)
      if (batch.first === paths.length + 1)
        for (const path of state.paths) {
          const number = paths.length + 1
          const segment = pathId(number)
          paths.push({ ...path, number, segment })
          runs.push(batchRun(batch))
          for (const probe of state.probes)
            if (probe.segment === path.segment) probes.push({ ...probe, segment })
        }
    return paths.length === 0 ? null : { paths, runs, probes, run: batches[0]!.state }
  }

  /** Returns every kind of summary that the bank has a transcript of, without their problems and widths. */
  fusions(): Pick<Fused, 'fusion' | 'asked'>[] {
    const found = readdirSync(this.store.root).flatMap((file) => {
      const [, fusion, asked] = FUSED.exec(file) ?? []
      return fusion === undefined ? [] : [`${fusion} ${asked ?? ''}`]
    })
    return [...new Set(found)].sort().map((both) => {
      const [fusion, asked] = both.split(' ') as [Fusion, string]
      return { fusion, ...(asked !== '' && { asked }) }
    })
  }

  /** Returns the strategies that finished a run here. */
  strategies(): Strategy[] {
    const files = readdirSync(this.store.root)
    return GOING_ON.filter((one) => files.some((file) => file.includes(`-${one}-`)))
  }

  /** Returns the state of a transcript; null if it is missing or damaged. */
  read(run: string): RunState | null {
    try {
      return foldRun(this.store.events(run), { live: false })
    } catch (error) {
      if (error instanceof BraidError && ['bad-transcript', 'no-such-run'].includes(error.code))
        return null
      throw error
    }
  }

  /** The batches that a problem has a file for, each beginning behind the one before. */
  #batchesOf(problem: number): Batch[] {
    const all = readdirSync(this.store.root).flatMap((file) => {
      const [, first, last] = file.startsWith(`${name(problem)}-`) ? (BATCH.exec(file) ?? []) : []
      return last === undefined ? [] : [{ problem, first: Number(first), last: Number(last) }]
    })
    return all.sort((a, b) => a.first - b.first || b.last - a.last)
  }

  #isOwn({ model, settings }: RunState): boolean {
    const { budget, sampling } = this.#info.settings
    return (
      model?.headerSha256 === this.#info.model.headerSha256 &&
      settings!.budget === budget &&
      isDeepStrictEqual(settings!.sampling, sampling)
    )
  }
}

/** Returns whether every path of a batch is there and ended by itself or at its budget. */
export const isRecorded = ({ status, paths }: RunState, { first, last }: Batch): boolean =>
  status === 'ended' &&
  paths.length === last - first + 1 &&
  paths.every(({ reason }) => reason === 'finished' || reason === 'budget')

const infoFile = (folder: string) => join(folder, 'bank.json')

function readInfo(folder: string): BankInfo | null {
  const file = infoFile(folder)
  if (!existsSync(file)) return null
  try {
    return BankInfo.parse(JSON.parse(readText(file, MAX_OWN_FILE)))
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
    throw fail('bad-request/bank-file', { file, reason }, { cause: error })
  }
}

/** Settings of the engine that change how a model computes, not only how fast. */
const NUMERIC = ['kvType', 'flashAttention'] as const

/** Returns what has to be equal in all recordings of a bank, as flat names and values. */
export function conditions({
  data,
  model,
  suffix,
  seed,
  settings,
}: BankInfo): Map<string, unknown> {
  // A bank without confidences goes on without them.
  const { sampling, engine, alternatives: _, confidence: _c, ...rest } = settings
  return new Map<string, unknown>([
    ['data', data.sha256],
    ...(['problem', 'answer'] as const).map((field): [string, unknown] => [
      `field of the ${field}`,
      data.fields[field],
    ]),
    ['model', model.sha256],
    ['suffix', suffix],
    ['seed', seed],
    ...Object.entries(rest),
    ...Object.entries(sampling),
    ...NUMERIC.map((key): [string, unknown] => [key, engine[key]]),
  ])
}

function merged(folder: string, found: BankInfo, asked: BankInfo): BankInfo {
  const [there, here] = [conditions(found), conditions(asked)]
  const shown = (value: unknown) => (value === undefined ? '–' : JSON.stringify(value))
  const differs = [...new Set([...there.keys(), ...here.keys()])].flatMap((key) =>
    isDeepStrictEqual(there.get(key), here.get(key))
      ? []
      : [`${key}: ${shown(there.get(key))} ≠ ${shown(here.get(key))}`],
  )
  if (differs.length > 0)
    throw fail('bad-request/bank-differs', { folder, differs: differs.join('; ') })
  return {
    ...found,
    data: { ...found.data, file: asked.data.file },
    model: { ...found.model, file: asked.model.file },
    problems: [...new Set([...found.problems, ...asked.problems])].sort((a, b) => a - b),
    paths: Math.max(found.paths, asked.paths),
  }
}

/** Returns the chosen problems; errors: `bad-request` if the data are not those of the bank. */
export function problemsOf(
  { info, folder }: Bank,
  { problems, sha256 }: { problems: readonly Problem[]; sha256: string },
  file: string,
): Problem[] {
  if (sha256 !== info.data.sha256)
    throw fail('bad-request/bank-data', { file, folder, sha256, wanted: info.data.sha256 })
  return info.problems.map((index) => problems[index]!)
}
