import { z } from 'zod'

/** What the window and the command line say about the server of docs/api.md; the host runs it. */

/** Spells BRAID on a telephone. */
export const API_PORT = 27243
export const MAX_JOBS = 64

const name = z.string().min(1).max(255)

/** How the server is started. */
export const ApiSettings = z.object({
  port: z.int().min(0).max(65_535),
  /** Address to listen on. */
  host: name,
  /** Further names by which clients reach it. */
  names: z.array(name).max(64),
  /** Origins whose pages may use it. */
  origins: z.array(name).max(64),
  /** Runs at once. */
  jobs: z.int().min(1).max(MAX_JOBS),
  /** Clients must send the key. */
  key: z.boolean(),
})
export type ApiSettings = z.infer<typeof ApiSettings>

export const ApiStatus = z.object({
  state: z.enum(['off', 'starting', 'on', 'failed']),
  /** The base URL for clients, while it is on. */
  url: z.string().nullable(),
  /** The key that clients must send; null if they need none. */
  key: z.string().nullable(),
  /** Why it could not be started. */
  message: z.string().nullable(),
})
export type ApiStatus = z.infer<typeof ApiStatus>
