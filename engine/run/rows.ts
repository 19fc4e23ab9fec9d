import { liveRounds, MAX_SEQUENCES, SPARE_SEQUENCES } from '../kv/index.ts'
import type { ControlTokens } from '../prompt/index.ts'
import { fail } from '../protocol/errors.ts'
import type { RunSettings } from '../protocol/request.ts'
import { ruleOf, shapeOf } from '../protocol/shapes.ts'
import type { Token } from '../protocol/tokens.ts'
import type { LoadedModel } from '../models/index.ts'

export interface RowModel {
  tokens: Pick<ControlTokens, 'pairs'>
  thoughtRows: number
}

/**
 * Returns the thought row, which also selects the pair of control tokens, for a place (from 1)
 * within a group.
 */
export type RowOf = (place: number) => number

/**
 * Checks that a context and the model can hold the paths, and returns their rows. Errors:
 * `too-many-paths`, with the maximum.
 */
export function thoughtRows(settings: RunSettings, model: RowModel): RowOf {
  const shape = shapeOf(settings, model.tokens.pairs.length > 0)
  const { groups, size } = shape
  const most = MAX_SEQUENCES - 1 - SPARE_SEQUENCES
  const { merges, judges } = ruleOf(settings.strategy)
  // A member of a merged answer or a judge needs a sequence beside each path.
  const each = merges || judges ? 2 : liveRounds(shape)
  const room = Math.floor((most - groups) / (groups * each))
  if (room < 1) throw fail('too-many-paths/groups', { groups, room: most >> 1 })
  const row = rowOf(settings, model, size, room)
  if (size > room) throw fail('too-many-paths/context', { groups, size, room })
  return row
}

/** `room`: how many paths fit into the context, so that an error can name a number that works. */
function rowOf(
  settings: RunSettings,
  { tokens, thoughtRows }: RowModel,
  size: number,
  room: number,
): RowOf {
  const pairs = tokens.pairs.length
  if (pairs === 0) return () => 0
  const { thoughtEmbedding, sameToken } = settings.controls
  const rows = thoughtEmbedding && thoughtRows > 0 ? thoughtRows - 1 : Infinity
  const modulus = settings.reuseTokens ? pairs : Infinity
  if (rows < 1) throw fail('too-many-paths/no-rows')
  if (size > pairs && !settings.reuseTokens && !sameToken) {
    throw fail(pairs <= rows ? 'too-many-paths/trained-reuse' : 'too-many-paths/trained', {
      trained: pairs,
      wanted: size,
      most: Math.min(pairs, rows, room),
    })
  }
  if (Math.min(size, modulus) > rows) {
    throw fail('too-many-paths/rows', {
      rows,
      wanted: Math.min(size, modulus),
      most: Math.min(rows, room),
    })
  }
  return (place) => (modulus === Infinity ? place : ((place - 1) % modulus) + 1)
}

/** Returns the control token and the given tokens that a path begins with, as forced tokens. */
export function givenTokens(
  given: readonly number[],
  thought: number,
  { controls }: RunSettings,
  { tokens, native }: Pick<LoadedModel, 'tokens' | 'native'>,
): Token[] {
  const pair = tokens.pairs[controls.sameToken ? 0 : thought - 1]
  const text = new TextDecoder()
  const ids = pair === undefined ? given : [pair.open, ...given]
  return ids.map((id) => ({
    id,
    text: text.decode(native.tokenBytes(id), { stream: true }),
    logprob: null,
    entropy: null,
    forced: true,
  }))
}
