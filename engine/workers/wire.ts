/**
 * What two ends of a tunnel say. A tunnel is one TLS connection with a pre-shared key, which proves
 * each end to the other. In it, each direction is a sequence of frames: four bytes of length
 * (little-endian) and that many bytes. The first frame is a greeting as JSON; all others are bytes of
 * ggml's RPC protocol, and an empty one only says that its sender is alive.
 */
import { Transform, type Duplex, type TransformCallback } from 'node:stream'
import type { SecureContextOptions, TLSSocket } from 'node:tls'
import { z } from 'zod'
import { builtFrom, builtRpc } from '../native/index.ts'
import { braidVersion } from '../programs/index.ts'
import { WorkerDevice } from '../protocol/workers.ts'

/**
 * Ephemeral keys (forward secrecy) and authentication by the pre-shared key alone. TLS 1.2, since
 * Node has no pre-shared keys in 1.3.
 */
export const TLS = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const satisfies SecureContextOptions
export const IDENTITY = 'braid'

/** Versions that must agree, and Braid's own for messages. */
export const Versions = z.object({
  /** The version of this file's protocol. */
  tunnel: z.int(),
  braid: z.string().max(64),
  /** Tag and commit of llama.cpp. */
  llama: z.string().max(128),
  /** The version of ggml's RPC protocol. */
  rpc: z.string().max(32),
})
export type Versions = z.infer<typeof Versions>

/** Errors: `native-missing`, or an `Error` if the native engine is not built. */
export function ownVersions(): Versions {
  const { tag, bundleCommit } = builtFrom()
  return {
    tunnel: 1,
    braid: braidVersion(),
    llama: `${tag} (${bundleCommit.slice(0, 9)})`,
    rpc: builtRpc().protocol,
  }
}

/** Returns whether the engine of one end can use the worker of the other. */
export const agree = (a: Versions, b: Versions): boolean =>
  a.tunnel === b.tunnel && a.llama === b.llama && a.rpc === b.rpc

/** `look` asks for the devices only; `compute` continues with RPC. */
export const Hello = z.object({ versions: Versions, what: z.enum(['look', 'compute']) })
export type Hello = z.infer<typeof Hello>

export const Welcome = z.discriminatedUnion('answer', [
  z.object({
    answer: z.literal('yes'),
    versions: Versions,
    devices: z.array(WorkerDevice).min(1).max(64),
  }),
  z.object({
    answer: z.literal('no'),
    why: z.enum(['version', 'busy', 'failed']),
    versions: Versions,
    reason: z.string().max(1000),
  }),
])
export type Welcome = z.infer<typeof Welcome>

/** The longest greeting, in bytes. */
const MAX_GREETING = 64 << 10
const MAX_FRAME = 1 << 20
const HEADER = 4

function header(length: number): Buffer {
  const bytes = Buffer.alloc(HEADER)
  bytes.writeUInt32LE(length)
  return bytes
}

export function greet(socket: TLSSocket, greeting: Hello | Welcome): void {
  const bytes = Buffer.from(JSON.stringify(greeting))
  socket.write(Buffer.concat([header(bytes.length), bytes]))
}

/**
 * Reads the greeting of the other end; bytes after it stay in the socket. Rejects if it does not come
 * in time, is too long, or does not suit the schema, with the socket's own error if it has one.
 */
export function greeting<T>(
  socket: TLSSocket,
  schema: z.ZodType<T>,
  { ms }: { ms: number },
): Promise<T> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0)
    const timer = setTimeout(() => done(new Error(`no answer within ${ms / 1000} s`)), ms)
    const ended = () => done(new Error('the connection was closed'))
    const done = (error: Error | null, value?: T) => {
      clearTimeout(timer)
      socket.off('readable', read).off('error', done).off('end', ended).off('close', ended)
      if (error === null) resolve(value!)
      else reject(error)
    }
    const read = () => {
      for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;) {
        got = Buffer.concat([got, chunk])
        const length = got.length < HEADER ? 0 : got.readUInt32LE()
        if (length > MAX_GREETING) return done(new Error('its greeting is too long'))
        if (got.length < HEADER || got.length < HEADER + length) continue
        const rest = got.subarray(HEADER + length)
        if (rest.length > 0) socket.unshift(rest)
        const said = schema.safeParse(parsed(got.subarray(HEADER, HEADER + length)))
        if (said.success) done(null, said.data)
        else done(new Error('its greeting is not understood'))
        return
      }
    }
    socket.on('readable', read).on('error', done).on('end', ended).on('close', ended)
    read()
  })
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** Milliseconds between signs of life, and without one until the other end counts as gone. */
export interface Pulse {
  everyMs: number
  limitMs: number
}
export const PULSE: Pulse = { everyMs: 5_000, limitMs: 25_000 }

/** Puts bytes into frames. */
class Framer extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (let at = 0; at < chunk.length; at += MAX_FRAME) {
      const part = chunk.subarray(at, at + MAX_FRAME)
      this.push(header(part.length))
      this.push(part)
    }
    done()
  }

  alive(): void {
    if (this.readableLength === 0 && !this.readableEnded && !this.destroyed) this.push(header(0))
  }
}

/** Takes bytes out of frames, as they come. */
class Deframer extends Transform {
  #head = Buffer.alloc(0)
  #left = 0

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (let rest = chunk; rest.length > 0;) {
      if (this.#left === 0) {
        const more = HEADER - this.#head.length
        this.#head = Buffer.concat([this.#head, rest.subarray(0, more)])
        rest = rest.subarray(more)
        if (this.#head.length < HEADER) break
        this.#left = this.#head.readUInt32LE()
        this.#head = Buffer.alloc(0)
        if (this.#left > MAX_FRAME) return done(new Error('a frame is too long'))
        continue
      }
      const part = rest.subarray(0, this.#left)
      this.push(part)
      this.#left -= part.length
      rest = rest.subarray(part.length)
    }
    done()
  }
}

/**
 * Passes bytes between a local connection and the tunnel, both ways. Resolves once it is over, with
 * the reason if the tunnel's far end went, or null if the local connection was closed; the tunnel is
 * closed then, the local connection is not if it was not.
 */
export function bridge(local: Duplex, tunnel: TLSSocket, pulse = PULSE): Promise<string | null> {
  return new Promise((resolve) => {
    const [framer, deframer] = [new Framer(), new Deframer()]
    let seen = performance.now()
    const timer = setInterval(() => {
      framer.alive()
      // Whoever does not take what has come cannot tell whether more would come.
      if (deframer.writableNeedDrain || local.writableNeedDrain) seen = performance.now()
      if (performance.now() - seen > pulse.limitMs)
        over(`no sign of life for ${pulse.limitMs / 1000} s`)
    }, pulse.everyMs)
    const over = (reason: string | null) => {
      clearInterval(timer)
      local.unpipe(framer)
      deframer.unpipe(local)
      local.resume() // what is still sent is dropped, so that its sender does not wait
      tunnel.destroy()
      resolve(reason)
    }
    tunnel.on('data', () => (seen = performance.now()))
    tunnel.on('error', (error: NodeJS.ErrnoException) => over(error.code ?? error.message))
    tunnel.on('close', () => over('the connection was closed'))
    deframer.on('error', (error) => over(error.message))
    // Not 'close' alone: the far end, which hears of the end, too, may be gone before it comes.
    for (const event of ['end', 'close', 'error']) local.on(event, () => over(null))
    local.pipe(framer).pipe(tunnel)
    tunnel.pipe(deframer).pipe(local, { end: false })
  })
}
