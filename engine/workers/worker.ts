/** The worker's end: an authenticated, encrypted tunnel to an RPC server of its own per connection. */
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { BraidError } from '../protocol/errors.ts'
import type { HostPort, WorkerDevice } from '../protocol/workers.ts'
import { Attempts } from './attempts.ts'
import { keyOf } from './code.ts'
import { startServer, type ServerOptions } from './rpc-server.ts'
import {
  agree,
  bridge,
  greet,
  greeting,
  Hello,
  IDENTITY,
  ownVersions,
  PULSE,
  TLS,
  type Pulse,
  type Versions,
  type Welcome,
} from './wire.ts'

/** The most connections that compute at once; each has an RPC server. */
const MAX_SESSIONS = 8
const MAX_CONNECTIONS = 64
const GREETING_MS = 10_000

export interface WorkerOptions {
  listen: HostPort
  code: string
  /** Returns the devices that the RPC server offers, with their free memory of now. */
  devices: () => Promise<WorkerDevice[]>
  server: ServerOptions
  /** Told in lines what happens. */
  onEvent?: (line: string) => void
  pulse?: Pulse
  versions?: Versions
  attempts?: Attempts
}

export class Worker {
  readonly #options: WorkerOptions
  readonly #versions: Versions
  readonly #attempts: Attempts
  readonly #server: Server
  readonly #sockets = new Set<TLSSocket>()
  #sessions = 0

  private constructor(options: WorkerOptions) {
    this.#options = options
    this.#versions = options.versions ?? ownVersions()
    this.#attempts = options.attempts ?? new Attempts()
    const key = keyOf(options.code)
    this.#server = createServer({
      ...TLS,
      handshakeTimeout: GREETING_MS,
      pskCallback: (_socket, identity) => (identity === IDENTITY ? key : null),
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.on('connection', (socket) => {
      if (this.#attempts.isLocked(socket.remoteAddress ?? '')) socket.destroy()
    })
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const from = socket.remoteAddress ?? ''
      socket.destroy()
      if (this.#attempts.isLocked(from) || error.code?.startsWith('ERR_SSL_') !== true) return
      this.#attempts.fail(from)
      this.#tell(`Refused ${from}: wrong pairing code, or not Braid.`)
    })
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      this.#serve(socket).catch((error: Error) => {
        this.#tell(`Connection of ${socket.remoteAddress}: ${error.message}`)
        socket.destroy()
      })
    })
  }

  /** Listens. Rejects with `io`. */
  static start(options: WorkerOptions): Promise<Worker> {
    const worker = new Worker(options)
    return new Promise((resolve, reject) => {
      worker.#server.once('error', (error) =>
        reject(new BraidError('io', `The worker cannot listen: ${error.message}`)),
      )
      worker.#server.listen(options.listen, () => resolve(worker))
    })
  }

  get address(): HostPort {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  /** Ends all connections. */
  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #serve(socket: TLSSocket): Promise<void> {
    const from = socket.remoteAddress ?? ''
    this.#attempts.succeed(from)
    socket.setNoDelay(true)
    const hello = await greeting(socket, Hello, { ms: GREETING_MS })
    const versions = this.#versions
    const refuse = (why: Extract<Welcome, { answer: 'no' }>['why'], reason = '') => {
      greet(socket, { answer: 'no', why, versions, reason: reason.slice(0, 1000) })
      socket.end()
    }
    if (!agree(hello.versions, versions)) return refuse('version')
    if (hello.what === 'look') {
      greet(socket, { answer: 'yes', versions, devices: await this.#options.devices() })
      return void socket.end()
    }
    if (this.#sessions >= MAX_SESSIONS) return refuse('busy')
    this.#sessions++
    try {
      const started = await startServer(this.#options.server).catch((error: Error) => error)
      if (started instanceof Error) return refuse('failed', started.message)
      try {
        greet(socket, { answer: 'yes', versions, devices: await this.#options.devices() })
        this.#tell(`${from} computes here.`)
        const reason = await bridge(started.socket, socket, this.#options.pulse ?? PULSE)
        this.#tell(`${from} is done: ${reason ?? 'the RPC server ended'}.`)
      } finally {
        started.socket.destroy()
        started.close()
      }
    } finally {
      this.#sessions--
    }
  }

  #tell(line: string): void {
    this.#options.onEvent?.(line)
  }
}
