import { toBraidError } from '../protocol/errors.ts'
import type { RunError } from '../protocol/events.ts'
import { FromHost, idOf, KEYS_VARIABLE, type ToHost } from './mux.ts'
import { METHODS, type Channel, type HostMessage } from '../protocol/wire.ts'

/**
 * A host process as its supervisor sees it: from `fork` in Node or `utilityProcess` in Electron.
 */
export interface HostProcess {
  send(message: ToHost): void
  onMessage(listener: (message: unknown) => void): void
  /**
   * Calls the listener once, whatever ended the process. `how` is text for the user: `signal
   * SIGSEGV`, `exit code 1`.
   */
  onExit(listener: (how: string) => void): void
  kill(): void
}

export type EngineState = 'up' | 'restarting' | 'stopped'

export interface SupervisorOptions {
  /**
   * Starts a host process. `first` is true until a process has become ready: the first process does
   * the work of the start, such as linking a given model, and its replacement does that instead if
   * it crashed before. `env` holds values that were given to an earlier process in memory.
   */
  spawn: (first: boolean, env: Record<string, string>) => HostProcess
  /** After this many deaths within `windowMs`, the host is not restarted. */
  deaths?: number
  windowMs?: number
  /** Milliseconds between pings. A host that leaves six in a row unanswered hangs and is killed. */
  pingMs?: number
  /** A host that is not ready after this many milliseconds is killed. */
  startMs?: number
  onState?: (state: EngineState, message: string) => void
}

const UNANSWERED = 6
/** The most messages that a client has held back while the process starts. */
const MAX_HELD = 4096

interface Client {
  number: number
  channel: Channel
  /** Messages held back until the process is ready. */
  held: unknown[]
  /** Numbers of requests without an answer. */
  open: Set<number>
}

/**
 * Keeps one host process alive and passes messages between it and the clients. If the process dies,
 * clients get `engine-lost` for their open requests and a message with the engine's state, and
 * their channels are closed; they reconnect and wait for the next process. Runs in progress are
 * interrupted: their transcripts end where the process died.
 */
export class Supervisor {
  readonly #options: Required<Omit<SupervisorOptions, 'onState'>> &
    Pick<SupervisorOptions, 'onState'>
  readonly #clients = new Map<number, Client>()
  readonly #deaths: number[] = []
  #process: HostProcess | undefined
  #state: EngineState = 'restarting'
  #message = ''
  #fatal: string | undefined
  #next = 1
  #unanswered = 0
  #ping: NodeJS.Timeout | undefined
  #closing = false
  #first = true
  /** True if `restart` killed the process; such a death is not counted. */
  #asked = false
  /** The hub's token; '' if it was forgotten. */
  #env: Record<string, string> = {}
  readonly #keys = new Map<string, string>()

  constructor(options: SupervisorOptions) {
    this.#options = { deaths: 3, windowMs: 5 * 60_000, pingMs: 5_000, startMs: 60_000, ...options }
    this.#start()
  }

  get state(): EngineState {
    return this.#state
  }

  connect(channel: Channel): void {
    const number = this.#next++
    const client: Client = { number, channel, held: [], open: new Set() }
    this.#clients.set(number, client)
    channel.onMessage((message) =>
      this.#try(client, message, () => this.#fromClient(client, message)),
    )
    channel.onClose(() => {
      if (this.#clients.delete(number)) this.#toProcess({ type: 'close', client: number })
    })
    if (this.#state !== 'up') this.#tell(client, this.#notice())
    this.#toProcess({ type: 'open', client: number })
  }

  /** Starts a new process, even if the supervisor had given up. */
  restart(): void {
    this.#deaths.length = 0
    if (this.#process !== undefined) {
      this.#asked = true
      return this.#process.kill()
    }
    this.#set('restarting', 'The engine is restarting.')
    for (const client of this.#clients.values()) this.#tell(client, this.#notice())
    this.#start()
  }

  /** Asks the process to finish, and kills it if it does not. */
  async close(waitMs = 5_000): Promise<void> {
    this.#closing = true
    clearInterval(this.#ping)
    const child = this.#process
    if (child === undefined) return
    const gone = new Promise<void>((resolve) => child.onExit(() => resolve()))
    child.send({ type: 'end' })
    const timer = setTimeout(() => child.kill(), waitMs)
    await gone
    clearTimeout(timer)
  }

  #start(): void {
    const child = this.#options.spawn(this.#first, this.#env)
    this.#process = child
    this.#unanswered = 0
    this.#fatal = undefined
    const late = setTimeout(() => {
      this.#fatal = 'it did not start in time'
      child.kill()
    }, this.#options.startMs)
    child.onMessage((raw) => {
      const parsed = FromHost.safeParse(raw)
      if (!parsed.success || child !== this.#process) return
      if (parsed.data.type === 'ready') clearTimeout(late)
      this.#fromHost(parsed.data)
    })
    child.onExit((how) => {
      clearTimeout(late)
      if (child === this.#process) this.#died(how)
    })
  }

  #fromHost(message: FromHost): void {
    this.#unanswered = 0
    switch (message.type) {
      case 'ready': {
        this.#first = false
        this.#ping = setInterval(() => this.#heartbeat(), this.#options.pingMs)
        this.#ping.unref()
        this.#set('up', '')
        for (const client of this.#clients.values()) {
          const { number, held } = client
          client.held = []
          this.#toProcess({ type: 'open', client: number })
          for (const one of held) this.#try(client, one, () => this.#pass(client, one))
          this.#tell(client, this.#notice())
        }
        return
      }
      case 'fatal':
        this.#fatal = message.message
        return
      case 'message': {
        const client = this.#clients.get(message.client)
        const { id, kind } = message.message as { id?: unknown; kind?: unknown }
        if (typeof id === 'number' && (kind === 'result' || kind === 'error'))
          client?.open.delete(id)
        if (client !== undefined) this.#tell(client, message.message)
      }
    }
  }

  #fromClient(client: Client, message: unknown): void {
    const { id, method, params } = (message ?? {}) as {
      id?: unknown
      method?: unknown
      params?: unknown
    }
    if (typeof id === 'number') {
      if (method === 'engine.restart') {
        this.#tell(client, { kind: 'result', id, result: {} })
        return this.restart()
      }
      if (this.#state === 'stopped') return this.#tell(client, lost(id, this.#message))
      client.open.add(id)
    }
    const token = method === 'hub.token' ? METHODS[method].params.safeParse(params) : undefined
    if (token?.success) this.#env = { ...this.#env, HF_TOKEN: token.data.token ?? '' }
    if (method === 'servers.key') this.#keep(params)
    this.#pass(client, message)
  }

  /** Keeps the key of a server for the next engine process. */
  #keep(params: unknown): void {
    const { data } = METHODS['servers.key'].params.safeParse(params)
    if (data === undefined) return
    if (data.key === null) this.#keys.delete(data.server)
    else this.#keys.set(data.server, data.key)
    const keys = JSON.stringify(Object.fromEntries(this.#keys))
    this.#env = { ...this.#env, [KEYS_VARIABLE]: keys }
  }

  /** Does something with a message, and answers it if that fails: it may not be serialisable. */
  #try(client: Client, message: unknown, work: () => void): void {
    try {
      work()
    } catch (error) {
      const id = idOf(message)
      client.open.delete(id)
      this.#tell(client, { kind: 'error', id, error: refused(error) })
    }
  }

  /**
   * Passes a client's message on, or holds it back until the process is ready. Throws if it cannot
   * be passed on, or too many are held back.
   */
  #pass(client: Client, message: unknown): void {
    if (this.#state === 'up')
      return this.#toProcess({ type: 'message', client: client.number, message })
    if (this.#state === 'stopped') return
    if (client.held.length >= MAX_HELD) throw new Error('too many wait for the engine to start.')
    client.held.push(message)
  }

  /** Sends to the process, if it is ready: a new one learns of the clients when it is. */
  #toProcess(message: ToHost): void {
    if (this.#state === 'up') this.#process?.send(message)
  }

  /** Sends to a client. A channel that cannot is closed: its client connects again. */
  #tell(client: Client, message: unknown): void {
    try {
      client.channel.send(message)
    } catch {
      if (this.#clients.delete(client.number))
        this.#toProcess({ type: 'close', client: client.number })
      close(client.channel)
    }
  }

  #heartbeat(): void {
    if (++this.#unanswered > UNANSWERED) {
      this.#fatal = 'it hung'
      return this.#process?.kill()
    }
    this.#process?.send({ type: 'ping' })
  }

  #died(how: string): void {
    clearInterval(this.#ping)
    this.#process = undefined
    if (this.#closing) return
    const now = Date.now()
    if (this.#asked) this.#fatal = 'as asked'
    else this.#deaths.push(now)
    this.#asked = false
    while ((this.#deaths[0] ?? now) < now - this.#options.windowMs) this.#deaths.shift()
    const why = this.#fatal ?? how
    const over = this.#deaths.length >= this.#options.deaths
    if (over)
      this.#set(
        'stopped',
        `The engine ended ${this.#deaths.length} times within a short time (${why}) and is not restarted automatically. Runs are kept.`,
      )
    else
      this.#set(
        'restarting',
        `The engine ended (${why}) and is restarting. Interrupted runs are kept up to that point.`,
      )
    for (const client of [...this.#clients.values()]) {
      this.#clients.delete(client.number)
      for (const id of client.open)
        this.#tell(client, lost(id, 'The engine ended before it could answer.'))
      this.#tell(client, this.#notice())
      close(client.channel)
    }
    if (!over) this.#start()
  }

  #set(state: EngineState, message: string): void {
    this.#state = state
    this.#message = message
    this.#options.onState?.(state, message)
  }

  #notice(): HostMessage {
    return { kind: 'engine', state: this.#state, message: this.#message }
  }
}

function close(channel: Channel): void {
  try {
    channel.close()
  } catch {
    // It is closed already.
  }
}

const refused = (error: unknown): RunError => ({
  code: 'bad-request',
  message: `The message cannot be passed on: ${toBraidError(error).message}`,
})

function lost(id: number, message: string): HostMessage {
  return { kind: 'error', id, error: { code: 'engine-lost', message } }
}
