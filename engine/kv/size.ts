/**
 * How many cells and sequences a run needs. Both the fit and the allocation use these functions.
 */
import { DEFAULT_TAIL, type Fusion, type KvType, type RunSettings } from '../protocol/request.ts'
import {
  judgingInstructions,
  refiningInstructions,
  usualInstructions,
} from '../protocol/instruction.ts'
import { JUDGE_TOKENS } from '../protocol/judges.ts'
import { PROBE_CELLS } from '../protocol/probes.ts'
import type { Layout } from '../protocol/segments.ts'
import {
  judgesPerRound,
  layoutOf,
  roomFor,
  ruleOf,
  shapeOf,
  type Shape,
} from '../protocol/shapes.ts'

/** The most sequences that a context can have (llama.cpp's LLAMA_MAX_SEQ, less two for copies). */
export const MAX_SEQUENCES = 254
/** Sequences reserved for branches and further summaries. */
export const SPARE_SEQUENCES = 8
/** Cells, at most a path's budget, kept free to extend a path without a larger context. */
const HEADROOM = 1024
/** Spare cells, since llama.cpp pads and rounds. */
export const SLACK = 64
/** Estimated tokens of the chat template and the words between re-read texts: total, per path. */
const FRAME = 128
const FRAME_PER_PATH = 24
/**
 * The same for joined paths, as bytes, so that no tokenizer needs more (prompt/frame.ts): the
 * introduction with the line breaks, and the heading of each path.
 */
const WORDS = 90
const WORDS_PER_PATH = 34
/** The most bytes of the sentence that tells how often each answer is stated (run/counts.ts). */
const COUNTS = 320

/** Returns the most bytes of the words around a summary's paths, without the heading of each path. */
export function wordsAround({ instruction }: Pick<RunSettings, 'instruction'>): number {
  const bytes = (text: string) => Buffer.byteLength(text)
  return (
    WORDS +
    (instruction === undefined
      ? COUNTS + Math.max(...usualInstructions().map(bytes))
      : bytes(instruction))
  )
}

/**
 * Returns the most cells that a path that reads others takes before its first token: copies of what
 * it reads and the words around it, or all of it decoded again. With layout `shared`, none.
 */
export function joinedCells(
  settings: Pick<RunSettings, 'reads' | 'refineInstruction'> & Texts,
  by: ReadBy,
): number {
  if (by.reading === 'shared' || by.reading === 'merge') return 0
  const { reads = 1, refineInstruction } = settings
  const asked = refineInstruction === undefined ? refiningInstructions() : [refineInstruction]
  return readCells(reads, asked, settings, by)
}

/**
 * Returns the most cells of a judge: those of the two texts that it reads and of its own. A judge of a
 * trained model reads texts again, since such a model has no words between joined paths.
 */
export const judgeCells = (settings: Texts, by: ReadBy): number =>
  JUDGE_TOKENS +
  readCells(2, judgingInstructions(), settings, {
    ...by,
    reading: by.reading === 'consecutive' ? by.reading : 'reread',
  })

type Texts = Pick<RunSettings, 'budget' | 'tail' | 'joinThoughts'>
type ReadBy = Pick<Demand, 'reading' | 'promptTokens'> & { thinks: boolean }

/** Returns the most cells for reading this many texts under one of these instructions. */
function readCells(
  reads: number,
  asked: readonly string[],
  { budget, tail = DEFAULT_TAIL, joinThoughts = false }: Texts,
  { reading, thinks, promptTokens }: ReadBy,
): number {
  const words = WORDS + Math.max(...asked.map((text) => Buffer.byteLength(text)))
  const read = thinks && !joinThoughts ? Math.min(budget, tail) : budget
  return reading === 'consecutive'
    ? words + reads * (WORDS_PER_PATH + read)
    : promptTokens + Math.max(FRAME, words) + reads * (FRAME_PER_PATH + read)
}

/** Returns how many rounds of a run have cells at a time: the one that is written and the one that it reads. */
export const liveRounds = ({ rounds }: Pick<Shape, 'rounds'>): number => Math.min(rounds, 2)

/** How summaries read paths: by the layout of their join, or by reading texts again. */
export type Reading = Layout | 'reread' | 'merge'

export const readingOf = (
  fusion: Fusion,
  trained: boolean,
  { strategy }: Pick<RunSettings, 'strategy'>,
): Reading =>
  ruleOf(strategy).merges ? 'merge' : fusion === 'reread' ? 'reread' : layoutOf(trained)

/** The most tokens that a path gets behind it before a merged answer (run/merging.ts), as bytes. */
const BRIDGE = 96

export interface Size {
  cells: number
  sequences: number
}

/** What a run has written and may still write, in tokens. */
export interface Demand {
  promptTokens: number
  /** Cells of the run's segments, without the prompt; 0 for a new run. */
  kept: number
  /** Tokens that open segments may still add. */
  remaining: number
  /** Budget per path. */
  budget: number
  paths: number
  /** Number of summaries still to be written. */
  summaries: number
  /** Sequences for the paths, and for summaries that are open or still to be written. */
  sequences: number
  summaryBudget: number
  reading: Reading
  /** As `wordsAround` returns it. */
  words: number
  /** Tokens per path that a join with layout `consecutive` copies, in the worst case. */
  copied: number
}

/** A new run's model, as far as the run's size depends on it. */
export interface SizedModel {
  /** As in `shapeOf`. */
  trained: boolean
  fusion: Fusion
  /** Its paths may think before they answer, so that a join takes only their ends. */
  thinks: boolean
}

/**
 * Returns how many tokens per path a join with layout `consecutive` copies in the worst case. A
 * quantised K loses precision each time it is moved, so all of it is copied; what follows a thought
 * is a part of a path, and a part is copied; other cells are moved.
 */
export function copiedTokens(
  {
    budget,
    tail = DEFAULT_TAIL,
    joinThoughts = false,
    engine,
  }: Pick<RunSettings, 'budget' | 'tail' | 'joinThoughts' | 'engine'>,
  thinks: boolean,
): number {
  if (isQuantised(engine.kvType)) return budget
  return thinks && !joinThoughts ? Math.min(budget, tail) : 0
}

export const isQuantised = (type: KvType): boolean => type === 'q8_0' || type === 'q4_0'

/** Returns the cells that summaries need in addition to those of their paths. */
export function summaryCells({
  promptTokens,
  paths,
  summaries,
  summaryBudget,
  reading,
  words,
  copied,
}: Pick<
  Demand,
  'promptTokens' | 'paths' | 'summaries' | 'summaryBudget' | 'reading' | 'words' | 'copied'
>): number {
  if (summaries === 0) return 0
  if (reading === 'shared') return summaries * summaryBudget
  if (reading === 'merge') return summaries * paths * (summaryBudget + BRIDGE)
  return reading === 'reread'
    ? summaries * (promptTokens + Math.max(FRAME, words) + summaryBudget) + FRAME_PER_PATH * paths
    : summaries * (words + summaryBudget) + (WORDS_PER_PATH + copied) * paths
}

export function sizeRun(demand: Demand): Size {
  const { promptTokens, kept, remaining, budget, sequences } = demand
  return {
    cells:
      promptTokens + kept + remaining + summaryCells(demand) + Math.min(budget, HEADROOM) + SLACK,
    sequences: Math.min(MAX_SEQUENCES, 1 + sequences + SPARE_SEQUENCES),
  }
}

/** Returns the cells of a context: as many as the user asked for, else as many as the run needs. */
export const contextCells = ({ cells }: Pick<Size, 'cells'>, asked: number): number =>
  asked > 0 ? asked : cells

/** Returns the demand of a run that has written nothing yet. */
export function newRunDemand(
  settings: Pick<
    RunSettings,
    | 'strategy'
    | 'paths'
    | 'runs'
    | 'finish'
    | 'budget'
    | 'summaryBudget'
    | 'tail'
    | 'instruction'
    | 'joinThoughts'
    | 'probeEvery'
    | 'rounds'
    | 'reads'
    | 'answerBy'
    | 'judgements'
    | 'refineInstruction'
    | 'engine'
  >,
  { trained, fusion, thinks, promptTokens }: SizedModel & { promptTokens: number },
): Demand {
  const { budget, summaryBudget } = settings
  const shape = shapeOf(settings, trained)
  const paths = roomFor(settings.strategy, shape)
  const summaries = shape.summaries ? shape.groups : 0
  const reading = readingOf(fusion, trained, settings)
  const joined = joinedCells(settings, { reading, thinks, promptTokens })
  const live = liveRounds(shape)
  const forks = settings.probeEvery === undefined ? 0 : paths
  const judges = judgesPerRound(shape)
  const judged = judges === 0 ? 0 : judgeCells(settings, { reading, thinks, promptTokens })
  return {
    promptTokens,
    kept: 0,
    remaining:
      paths * (live * budget + Math.min(shape.rounds - 1, live) * joined) +
      forks * PROBE_CELLS +
      judges * judged,
    budget,
    paths,
    summaries,
    sequences: paths * live + forks + judges + summaries * (reading === 'merge' ? paths : 1),
    summaryBudget,
    reading,
    words: wordsAround(settings),
    copied: shape.rounds > 1 ? budget : copiedTokens(settings, thinks),
  }
}

/**
 * Returns how many of the `free` cells are reserved for summaries: as many as they want, but at
 * most a quarter of the free cells, and at least enough for a prefix and one token per summary.
 */
export function summaryReserve(
  free: number,
  wanted: number,
  summaries: number,
  prefix: number,
): number {
  return Math.min(wanted, Math.max(summaries * (prefix + 1), Math.floor(free / 4)))
}
