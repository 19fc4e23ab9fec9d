/** The process that programs run in: how it is started, watched and ended. */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseJson } from '../protocol/json.ts'
import { MAX_LINE, Reply } from './job.ts'

/** Milliseconds until the interpreters are compiled, on a busy machine. */
const START_MS = 60_000
/** Bytes of memory of the whole process, interpreters included, beyond which it is killed. */
export const MAX_RSS = 640 << 20
const WATCH_MS = 100
/** Node's exit code for an option that it does not know. */
const BAD_OPTION = 9

/** Node's permission model, under its two names. The last entry is for a Node that has neither. */
const PERMISSION = [['--permission'], ['--experimental-permission'], []]
/** The entry of PERMISSION that this Node takes, once it is known. */
let known: number | undefined

/** Options that hold what Node itself could do, should an interpreter be broken out of. */
const options = (folder: string, permission: readonly string[]): string[] => [
  ...permission,
  ...(permission.length === 0 ? [] : [`--allow-fs-read=${join(folder, '*')}`, '--allow-worker']),
  '--disallow-code-generation-from-strings',
  '--no-addons',
  '--no-warnings',
  '--max-old-space-size=192',
]

/** Only what Node and the system need to start a process. */
function environment(): NodeJS.ProcessEnv {
  const { SystemRoot } = process.env
  return {
    TZ: 'UTC',
    ...(SystemRoot === undefined ? {} : { SystemRoot }),
    ...(process.env.BRAID_NODE === undefined && process.versions.electron !== undefined
      ? { ELECTRON_RUN_AS_NODE: '1' }
      : {}),
  }
}

/** A running child. `onLost` is called once, with why, when it has ended or was killed for what it did. */
export class Child {
  readonly #process: ChildProcess
  readonly #cwd: string
  #buffer = ''
  #watch: NodeJS.Timeout | undefined
  #ended = false
  #code: number | null = null
  /** Settles when the process has ended. */
  readonly ended: Promise<void>
  onReply: (reply: Reply) => void = () => undefined
  onLost: (why: string) => void = () => undefined

  private constructor(folder: string, permission: readonly string[]) {
    this.#cwd = mkdtempSync(join(tmpdir(), 'braid-sandbox-'))
    this.#process = spawn(
      process.env.BRAID_NODE ?? process.execPath,
      [...options(folder, permission), join(folder, 'main.mjs')],
      {
        cwd: this.#cwd,
        env: environment(),
        stdio: ['pipe', 'pipe', 'ignore'],
        windowsHide: true,
      },
    )
    this.#process.stdin!.on('error', () => this.kill('it does not read'))
    this.#process.stdout!.setEncoding('utf8').on('data', (text: string) => this.#receive(text))
    this.ended = new Promise((resolve) => {
      const end = (why: string) => {
        this.kill(why)
        this.#clean()
        process.removeListener('exit', this.#leave)
        resolve()
      }
      this.#process.once('error', (error) => end(error.message))
      this.#process.once('exit', (code, signal) => {
        this.#code = code
        end(signal ?? `exit code ${code}`)
      })
    })
    process.once('exit', this.#leave)
  }

  /** Starts a child and waits until it is ready. Throws if it cannot be started. */
  static async start(folder: string): Promise<Child> {
    // Node checks permissions by real paths.
    const real = realpathSync(folder)
    for (let attempt = known ?? 0; ; attempt++) {
      const child = new Child(real, PERMISSION[attempt]!)
      const lost = await child.#ready()
      if (lost === undefined) {
        known = attempt
        child.rest()
        return child
      }
      if (child.#code !== BAD_OPTION || attempt === PERMISSION.length - 1)
        throw new Error(`The sandbox did not start: ${lost}.`)
    }
  }

  #ready(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.kill('it took too long'), START_MS)
      const settle = (lost: string | undefined) => {
        clearTimeout(timer)
        resolve(lost)
      }
      this.onReply = () => settle(undefined)
      this.onLost = settle
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  send(message: unknown): void {
    this.#process.stdin!.write(`${JSON.stringify(message)}\n`)
  }

  /** Watches the memory of the process until `rest` is called: on Linux and macOS. */
  watch(): void {
    this.#hold('ref')
    this.#watch ??= setInterval(() => {
      void residentBytes(this.pid).then((bytes) => {
        if (bytes !== undefined && bytes > MAX_RSS) this.kill('it took too much memory')
      })
    }, WATCH_MS)
  }

  rest(): void {
    clearInterval(this.#watch)
    this.#watch = undefined
    this.#hold('unref')
  }

  /** A child without work does not keep this process running; it ends when its standard input is closed. */
  #hold(how: 'ref' | 'unref'): void {
    this.#process[how]()
    for (const pipe of [this.#process.stdin, this.#process.stdout]) (pipe as Socket)[how]()
  }

  /** Where an ended process's folder may still be in use, the system's own cleaning has to do. */
  #clean(): void {
    try {
      rmSync(this.#cwd, { recursive: true, force: true })
    } catch {
      // It is empty.
    }
  }

  readonly #leave = (): void => {
    this.kill('Braid ended')
    this.#clean()
  }

  kill(why: string): void {
    if (this.#ended) return
    this.#ended = true
    this.rest()
    this.#process.kill('SIGKILL')
    // `ended` settles, even if nothing else keeps this process running.
    this.#process.ref()
    this.onLost(why)
  }

  /** Takes in what the child wrote. Anything but messages of the agreed form is a reason to end it. */
  #receive(text: string): void {
    this.#buffer += text
    for (let end = this.#buffer.indexOf('\n'); end >= 0; end = this.#buffer.indexOf('\n')) {
      const line = this.#buffer.slice(0, end)
      this.#buffer = this.#buffer.slice(end + 1)
      const reply = parse(line)
      if (reply === undefined) return this.kill('it wrote what is not a message')
      if (!this.#ended) this.onReply(reply)
    }
    if (this.#buffer.length > MAX_LINE) this.kill('it wrote too long a message')
  }
}

function parse(line: string): Reply | undefined {
  try {
    return Reply.parse(parseJson(line))
  } catch {
    return undefined
  }
}

/** Returns the resident memory of a process; undefined where that cannot be asked for. */
export async function residentBytes(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined
  if (process.platform === 'linux') {
    try {
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(
        readFileSync(`/proc/${pid}/status`, 'utf8'),
      )?.[1]
      return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
    } catch {
      return undefined
    }
  }
  if (process.platform !== 'darwin') return undefined
  return new Promise((resolve) =>
    execFile('ps', ['-o', 'rss=', '-p', String(pid)], (error, stdout) =>
      resolve(error === null ? Number(stdout) * 1024 : undefined),
    ),
  )
}
