import type { NativeToken, SamplerOptions } from '../native/index.ts'
import type { Capabilities } from '../protocol/capabilities.ts'
import type { Written } from './chat.ts'
import type { Server } from './server.ts'

/** What a stream asks a server to write. */
export interface Ask {
  written: Written
  /** The most tokens to write. */
  budget: number
  sampler: SamplerOptions
  /** The most likely tokens to report with each token; 0: none, and no log-probability. */
  likely: number
  /** The JSON schema, as text, of what is written; absent: it is free text. */
  schema?: string | undefined
}

/**
 * A piece of what a server writes, also of an event without a token; or why it ended: by itself, or at
 * the budget or the context's end.
 */
export type Piece = { tokens: NativeToken[] } | { end: 'finished' | 'length' }

/** The id of a token of which the server reported only the text. */
export const NO_ID = -1

/** How one kind of server is talked to. */
export interface Dialect {
  readonly name: string
  readonly can: Capabilities
  /** The server's own chat template, to find the marks of a thought; absent if it does not say. */
  readonly template?: string | undefined
  /** What the template writes before an answer; absent if that is not known. */
  readonly opening?: string | undefined
  /** Size of the vocabulary; absent if the server does not say. */
  readonly vocabulary?: number | undefined
  /** Throws what `Server.insist` understands; errors that stay are `BraidError`s. */
  write(ask: Ask, signal: AbortSignal): AsyncGenerator<Piece>
  /** Returns the text of a token that the server wrote or offered. */
  textOf?(id: number, signal: AbortSignal): Promise<string>
}

/** Returns the member of an object that came from a server; undefined if there is none. */
export function member(value: unknown, ...names: (string | number)[]): unknown {
  let at = value
  for (const name of names) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Record<string | number, unknown>)[name]
  }
  return at
}

export const textIn = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

export const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** Returns a log-probability; null if there is none, or none that a number holds. */
export const logprobIn = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? Math.max(-1e4, Math.min(0, value)) : null

/** Returns an id of a vocabulary; undefined for anything else. */
export const idIn = (value: unknown): number | undefined =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1 << 27
    ? (value as number)
    : undefined

/** Returns a number of tokens, or undefined. */
export const countIn = (value: unknown): number | undefined =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1 << 30
    ? (value as number)
    : undefined

/** How many of the likeliest tokens the confidence of a token is made of. */
const CONFIDENT = 20

/** Returns a token as streams report it; its alternatives may be fewer than were asked for. */
export function tokenOf(
  id: number,
  text: string,
  logprob: number | null,
  likely: NonNullable<NativeToken['alternatives']>,
): NativeToken {
  const top = likely.slice(0, CONFIDENT)
  return {
    id,
    text,
    logprob,
    entropy: null,
    ...(likely.length > 0 && { alternatives: likely }),
    ...(top.length === CONFIDENT && {
      confidence: -top.reduce((sum, one) => sum + one.logprob, 0) / CONFIDENT,
    }),
  }
}

/** Returns the id that a server gave for a token. Errors: `io` if it is none. */
export function idOf(server: Server, value: unknown): number {
  const id = idIn(value)
  if (id === undefined) throw server.broken('an id of a token that is none')
  return id
}
