import { z } from 'zod'
import { fail } from './errors.ts'

/** The port of a worker whose address names none. */
export const WORKER_PORT = 7717
/** The most workers of one model. */
export const MAX_WORKERS = 8

const FORM = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::(\d{1,5}))?$/i

/** An address without its brackets, as sockets take it. */
export interface HostPort {
  host: string
  port: number
}

/**
 * Returns the host and the port of HOST, HOST:PORT or [IPv6]:PORT. `fallback`: the port if none is
 * named. Errors: `bad-request`.
 */
export function hostPort(address: string, fallback = WORKER_PORT): HostPort {
  const [, v6, name, digits] = FORM.exec(address.trim()) ?? []
  const host = v6 ?? name
  const port = digits === undefined ? fallback : Number(digits)
  if (host === undefined || host.length > 253 || port > 65_535)
    throw fail('bad-request/worker-address', { address })
  return { host: host.toLowerCase(), port }
}

export const addressText = ({ host, port }: HostPort): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

/** The address of a worker in one spelling: HOST:PORT or [IPv6]:PORT. */
export const WorkerAddress = z.string().transform((text, context): string => {
  try {
    const place = hostPort(text)
    if (place.port > 0) return addressText(place)
  } catch {
    // The issue below says it.
  }
  context.addIssue({ code: 'custom', message: 'must be HOST:PORT' })
  return z.NEVER
})

export const WorkerAddresses = z
  .array(WorkerAddress)
  .max(MAX_WORKERS)
  .refine((all) => new Set(all).size === all.length, 'must be different workers')

/** A device of a worker; sizes in bytes. */
export const WorkerDevice = z.object({
  name: z.string().max(256),
  description: z.string().max(256),
  memoryFree: z.number().nonnegative(),
  memoryTotal: z.number().nonnegative(),
})
export type WorkerDevice = z.infer<typeof WorkerDevice>
