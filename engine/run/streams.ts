import { homeOf, sequencesOf, type Lease } from '../kv/index.ts'
import type { StreamOptions } from '../native/index.ts'
import type { ControlTokens } from '../prompt/index.ts'
import { isOpen, segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import { partsOf, ROLES, type SegmentId, type Source } from '../protocol/segments.ts'
import { idsOf, sharedPrefix } from '../protocol/tokens.ts'
import { continuedSeed } from '../strategies/index.ts'
import { grammarFor, type AnswerRun } from './answering.ts'

/** Added to the id of a merged answer's stream for each further member; larger than all ids of segments. */
const MEMBER = 1 << 13
/** First number of groups of one stream, to which the finish rule does not apply. */
const ALONE = 1 << 20
/** The most tokens that one character can be split over. */
const CHARACTER = 4

/** Returns the stream id of a segment in a decode. */
export const streamId = ({ role, number }: Pick<Segment, 'role' | 'number'>): number =>
  number * ROLES.length + ROLES.indexOf(role)

export interface StreamRun extends AnswerRun {
  tokens: ControlTokens
  /** Tokens forced at the start of a summary. */
  prefix: readonly number[]
  lease: Lease
  state: RunState
  /** Tokens that end a path besides those of every run. */
  stops: readonly number[]
  /** The same, and the path keeps them. */
  ends: readonly number[]
}

export interface PathStart {
  /** The finish rule of its group does not count it. */
  alone: boolean
  /** The path whose cells it continues from: itself, or the path that it was branched from. */
  from: Segment
  /** As in `summaryStream`. */
  beside: boolean
}

/** Returns whether a path begins behind others that it has yet to read. */
export const startsBehind = ({ tokens, reads }: Segment): boolean =>
  tokens.length === 0 && reads.length > 0

/**
 * Returns the stream of a path. The cells that the path continues from must be in place; a path
 * without any token starts from the prompt's. A branch without a token of its own silently decodes
 * the last token it keeps again, to get the logits after it.
 */
export function pathStream(
  path: Segment,
  { alone, from, beside }: PathStart,
  run: StreamRun,
): StreamOptions {
  const { settings, tokens, lease, state, stops, ends } = run
  const length = path.tokens.length
  const kept = path.parent?.at ?? 0
  const pair = tokens.pairs[settings.controls.sameToken ? 0 : path.thought - 1]
  const forced: number[] = []
  const seq = lease.claim(path.segment)
  let branch: StreamOptions['branch']
  let parts: StreamOptions['parts']
  let silent = 0
  if (length === 0) {
    if (startsBehind(path)) parts = streamParts(path, [], beside, lease, state)
    else branch = { from: lease.promptSeq, end: lease.offset(path, state) }
    if (pair !== undefined) forced.push(pair.open)
  } else if (from !== path) {
    branch = { from: lease.seqOf(from.segment)!, end: lease.offset(from, state) + kept - 1 }
    forced.push(...idsOf([path.tokens.at(kept - 1)!]))
    silent = 1
  }
  if (length === kept) forced.push(...path.forced)
  const window = Math.max(CHARACTER, settings.sampling.repetitionWindow)
  return {
    id: streamId(path),
    seq,
    thought: lease.thought(path.thought),
    forced,
    silent,
    branch,
    parts,
    budget: Math.max(1, path.budget - length),
    sampler: { ...settings.sampling, seed: continuedSeed(path.seed, length) },
    masked: tokens.masked,
    stops: stops.length === 0 ? tokens.pathStops : [...tokens.pathStops, ...stops],
    ends,
    endToken: pair?.close ?? -1,
    group: alone ? ALONE + path.number : (path.group ?? 1),
    history: idsOf(path.tokens.slice(Math.max(0, length - window), length - silent)),
    grammar: grammarFor(path, run, 0, () => idsOf(path.tokens.slice(0, length - silent))),
  }
}

/** Returns whether a summary continues: its cells are in place, so its source is not read again. */
export const goesOn = ({ segment, tokens }: Segment, lease: Lease): boolean =>
  tokens.length > 0 && lease.seqOf(segment) !== undefined

/**
 * Returns the stream of a summary, a probe or a judge, which first reads its source or continues where it was
 * interrupted. `cells` are reserved for it. `beside`: it is added to a decode, in which others that
 * wrote something have read what they read.
 */
export function summaryStream(
  summary: Segment,
  cells: number,
  beside: boolean,
  run: StreamRun,
): StreamOptions {
  const { settings, tokens, prefix, lease, state } = run
  const written = idsOf(summary.tokens.slice())
  const isSummary = summary.role === 'summary'
  const continues = goesOn(summary, lease)
  const seq = lease.claim(summary.segment)
  const merged = summary.source.type === 'merge'
  const parts =
    continues || merged ? undefined : streamParts(summary, written, beside, lease, state)
  const forced = isSummary ? prefix.slice(written.length) : []
  return {
    id: streamId(summary),
    seq,
    thought: lease.thought(0),
    parts,
    forced,
    budget: Math.max(1, summary.budget - written.length),
    cells,
    sampler: { ...settings.sampling, seed: continuedSeed(summary.seed, written.length) },
    masked: isSummary ? [] : tokens.masked,
    stops: tokens.summaryStops,
    endToken: (isSummary ? tokens.summary?.close : undefined) ?? -1,
    group: (2 + ROLES.indexOf(summary.role)) * ALONE + summary.number,
    history: written.slice(-Math.max(CHARACTER, settings.sampling.repetitionWindow)),
    grammar: grammarFor(summary, run, forced.length, () => written.slice(prefix.length)),
  }
}

/** The streams of a segment; those of the further members of a merge decode the tokens of the first. */
export interface Streamed {
  segment: Pick<Segment, 'segment' | 'role' | 'number'> & Partial<Pick<Segment, 'source'>>
  stream: StreamOptions
  others?: StreamOptions[]
}

/**
 * Returns the streams of a summary or a probe. A merged answer has one per member, each behind what
 * that member wrote. `cells`, `beside`: as in `summaryStream`.
 */
export function readingStreams(
  segment: Segment,
  cells: number,
  beside: boolean,
  run: StreamRun,
): Streamed {
  const { source } = segment
  if (source.type !== 'merge')
    return { segment, stream: summaryStream(segment, cells, beside, run) }
  const { lease, state } = run
  const continues = goesOn(segment, lease)
  const written = idsOf(segment.tokens.slice())
  const stream = summaryStream(segment, cells, beside, run)
  const names = sequencesOf(segment)
  const members = source.of.map((of, i) => {
    const end = source.ends?.[i] ?? { to: 0, tokens: [] }
    const path = segmentOf(state, of)!
    const from = lease.seqOf(of)!
    const behind = [...end.tokens, ...written]
    const kept = end.to < path.tokens.length ? { end: lease.offset(path, state) + end.to } : {}
    const parts: StreamOptions['parts'] = [
      { from, ...kept },
      ...(behind.length > 0 ? [{ tokens: behind, thought: lease.thought(0) }] : []),
    ]
    return {
      ...stream,
      id: i === 0 ? stream.id : i * MEMBER + stream.id,
      seq: lease.claim(names[i]!),
      parts: continues ? undefined : parts,
      cells: cells === 0 ? 0 : stream.budget + (continues ? 0 : behind.length),
    }
  })
  return { segment, stream: members[0]!, others: members.slice(1) }
}

function streamParts(
  summary: Segment,
  written: readonly number[],
  beside: boolean,
  lease: Lease,
  state: RunState,
): StreamOptions['parts'] {
  const again = { tokens: [...written], thought: lease.thought(0) }
  if (summary.source.type === 'text') return textParts(summary, again, beside, lease, state)
  const placed = lease.place(summary, state)
  const read: NonNullable<StreamOptions['parts']> = partsOf(summary.source).map((part) => {
    if ('segment' in part) {
      const from = lease.seqOf(part.segment as SegmentId)!
      const at = placed.shift()
      if (at !== undefined) return { from, start: at.start, end: at.end, place: at.place }
      const of = segmentOf(state, part.segment as SegmentId)!
      return part.to === undefined
        ? { from }
        : { from, end: homeOf(of, state) + (part.to as number) }
    }
    if (!('tokens' in part))
      return { from: lease.promptSeq, ...(part.to !== undefined && { end: part.to as number }) }
    const thought = (part.thought as number | undefined) ?? 0
    return { tokens: part.tokens as number[], thought: lease.thought(thought) }
  })
  return written.length === 0 ? read : [...read, again]
}

/**
 * Returns the parts of a summary that reads a text: cells of the prompt, or of a summary that is
 * being written, which begin with the same tokens, and then the rest.
 */
function textParts(
  { segment: own, source }: Segment,
  { tokens: written, thought }: { tokens: number[]; thought: number },
  beside: boolean,
  lease: Lease,
  { promptTokens, summaries }: RunState,
): NonNullable<StreamOptions['parts']> {
  const tokens = [...textOf(source), ...written]
  const inPlace = summaries.flatMap(({ segment, status, source, tokens }) => {
    const seq = lease.seqOf(segment)
    const isRead = beside && isOpen({ status }) && tokens.length > 0 && source.type === 'text'
    return seq !== undefined && isRead && segment !== own
      ? [{ from: seq, tokens: textOf(source) }]
      : []
  })
  const alike = lease.partial ? [{ from: lease.promptSeq, tokens: promptTokens }, ...inPlace] : []
  let best = { from: lease.promptSeq, end: 0 }
  for (const { from, tokens: others } of alike) {
    const end = Math.min(sharedPrefix(tokens, others), tokens.length - 1)
    if (end > best.end) best = { from, end }
  }
  const rest = { tokens: tokens.slice(best.end), thought }
  return best.end === 0 ? [rest] : [best, rest]
}

const textOf = (source: Source): number[] =>
  partsOf(source).flatMap((part) => ('tokens' in part ? (part.tokens as number[]) : []))
