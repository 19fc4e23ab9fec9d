import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../support/test-client.ts'

const root = join(import.meta.dirname, '../..')

/** A network of one machine, and a machine in it: a namespace of its own if the system allows that. */
export class Network {
  readonly #name = `braid${process.pid % 100_000}`
  readonly isReal: boolean

  constructor() {
    this.isReal = this.#make()
  }

  /** The address of the other machine. */
  get host(): string {
    return this.isReal ? '10.213.7.2' : '127.0.0.1'
  }

  /** Returns the command that runs a command on the other machine. */
  on(command: readonly string[]): string[] {
    return this.isReal ? ['ip', 'netns', 'exec', this.#name, ...command] : [...command]
  }

  /** Delays and loses what passes, each way; returns false if the system cannot. */
  slow(delayMs: number, loss: number): boolean {
    if (!this.isReal) return false
    const netem = `root netem delay ${delayMs}ms loss ${loss * 100}%`
    try {
      run('tc', `qdisc add dev ${this.#name}a ${netem}`)
      run('tc', `-n ${this.#name} qdisc add dev ${this.#name}b ${netem}`)
      return true
    } catch {
      return false
    }
  }

  close(): void {
    if (this.isReal) ip(`netns del ${this.#name}`)
  }

  #make(): boolean {
    try {
      ip(`netns add ${this.#name}`)
    } catch {
      return false
    }
    try {
      ip(`link add ${this.#name}a type veth peer name ${this.#name}b netns ${this.#name}`)
      ip(`addr add 10.213.7.1/30 dev ${this.#name}a`)
      ip(`link set ${this.#name}a up`)
      ip(`-n ${this.#name} addr add 10.213.7.2/30 dev ${this.#name}b`)
      ip(`-n ${this.#name} link set ${this.#name}b up`)
      ip(`-n ${this.#name} link set lo up`)
      return true
    } catch {
      ip(`netns del ${this.#name}`)
      return false
    }
  }
}

const run = (command: string, args: string): Buffer =>
  execFileSync(command, args.split(' '), { stdio: 'pipe' })
const ip = (args: string): Buffer => run('ip', args)

/** `braid worker` in a process of its own, with a data folder of its own. */
export class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'braid-worker-'))
  readonly #child: ChildProcess
  output = ''

  constructor(network: Network, port: number) {
    const braid = ['--import', 'tsx', join(root, 'engine', 'cli', 'main.ts'), 'worker']
    const [command, ...args] = network.on([
      process.execPath,
      ...braid,
      '--listen',
      `${network.host}:${port}`,
      '--device',
      'cpu',
      '--threads',
      '1',
    ])
    this.#child = spawn(command!, args, {
      cwd: root,
      env: { ...process.env, BRAID_DATA: this.folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text))
  }

  /** Waits until it listens; returns its address and its pairing code. */
  async ready(): Promise<{ address: string; code: string }> {
    const found = () => /Braid worker: (\S+)[^]*Pairing code: (\S+)\n/.exec(this.output)
    await until(() => found() !== null, `the worker: ${this.output}`, 120_000)
    const [, address, code] = found()!
    return { address: address!, code: code! }
  }

  /** Ends it as a power failure would, its RPC servers too. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  async close(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface ProxyOptions {
  /** Milliseconds by which all bytes are delayed, each way. */
  delayMs?: number
  /** The share of chunks that are delayed by a retransmission more, which takes this long. */
  loss?: { share: number; ms: number }
}

/** A TCP proxy that keeps the first bytes that passed it, and may delay all. */
export class Proxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly kept: Buffer[] = []
  bytes = 0

  constructor(
    to: { host: string; port: number },
    private readonly options: ProxyOptions = {},
  ) {
    this.#server = createServer((near) => {
      const far = connect(to)
      for (const [from, into] of [
        [near, far],
        [far, near],
      ] as const)
        this.#carry(from, into)
    })
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #carry(from: Socket, into: Socket): void {
    const { delayMs = 0, loss } = this.options
    this.#sockets.add(from)
    from.setNoDelay(true)
    // One timer after another, since those of equal times may fire in another order.
    let sent: Promise<void> = Promise.resolve()
    from.on('error', () => into.destroy())
    from.on('close', () => setTimeout(() => into.destroy(), delayMs))
    from.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length
      if (this.kept.length < 4096) this.kept.push(chunk)
      if (delayMs === 0) {
        if (into.write(chunk)) return
        from.pause()
        return void into.once('drain', () => from.resume())
      }
      const again = loss !== undefined && Math.random() < loss.share ? loss.ms : 0
      const due = performance.now() + delayMs + again
      sent = sent.then(async () => {
        const wait = due - performance.now()
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
        into.write(chunk)
      })
    })
  }
}
