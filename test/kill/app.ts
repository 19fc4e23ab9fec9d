import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import WebSocket from 'ws'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { eventsIn, type Channel, type HostMessage } from '../../engine/protocol/wire.ts'
import { ensureRenderer, root } from '../../scripts/renderer.ts'
import { compileApp } from '../../scripts/package/stage.ts'
import { TestClient, until } from '../support/test-client.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

const programs = mkdtempSync(join(tmpdir(), 'braid-kill-dist-'))
process.on('exit', () => rmSync(programs, { recursive: true, force: true }))
let compiled: Promise<void> | undefined

/**
 * Runs the whole app as a group of processes: supervisor, server and engine host, compiled as shipped, over a small model that
 * writes hundreds of events per second. The oracle, outside the group, keeps what a window was shown.
 */
export class KillableApp {
  readonly folder = mkdtempSync(join(tmpdir(), 'braid-kill-'))
  readonly data = join(this.folder, 'data')
  readonly model: string
  #server: ChildProcess | undefined
  #url = ''
  #cookie = ''

  private constructor() {
    mkdirSync(this.data)
    this.model = writeTiny(
      tinyModel({ shape: 'qwen2', seed: 7, thoughts: 9, pairs: 8, context: 8192 }),
      this.folder,
    )
  }

  static async create(): Promise<KillableApp> {
    const app = new KillableApp()
    ensureRenderer()
    // Compiled once per process; killed apps do not change it.
    compiled ??= compileApp(programs)
    await compiled
    cpSync(programs, join(app.folder, 'dist'), { recursive: true })
    // A copy, since another build of the page may replace the original meanwhile.
    cpSync(join(root, 'dist', 'renderer'), join(app.folder, 'dist', 'renderer'), {
      recursive: true,
    })
    for (const name of ['build', 'models', 'patches', 'node_modules'])
      symlinkSync(join(root, name), join(app.folder, name))
    writeFileSync(
      join(app.folder, 'package.json'),
      JSON.stringify({ type: 'module', version: '0.0.0' }),
    )
    return app
  }

  async start(): Promise<void> {
    const server = (this.#server = spawn(
      process.execPath,
      [join(this.folder, 'dist', 'engine', 'cli', 'main.js'), 'serve', '--no-open'],
      {
        env: { ...process.env, BRAID_DATA: this.data },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      },
    ))
    let said = ''
    server.stderr!.on('data', (chunk: Buffer) => {
      said = (said + String(chunk)).slice(-4000)
    })
    this.#url = await new Promise<string>((resolve, reject) => {
      let out = ''
      server.stdout!.on('data', (chunk: Buffer) => {
        out += String(chunk)
        const found = /http:\S+/.exec(out)?.[0]
        if (found !== undefined) resolve(found)
      })
      server.once('exit', (code) => reject(new Error(`The app ended with ${code}: ${said}`)))
    })
    this.#cookie = (await fetch(this.#url)).headers.get('set-cookie')!.split(';')[0]!
  }

  /** Connects one more window. */
  async connect(): Promise<TestClient> {
    const { origin } = new URL(this.#url)
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws`, {
      headers: { Cookie: this.#cookie, Origin: origin },
    })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    socket.on('error', () => undefined)
    const channel: Channel = {
      send: (message) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(message)),
      onMessage: (listener) =>
        void socket.on('message', (data) => listener(JSON.parse(String(data)))),
      onClose: (listener) => void socket.on('close', listener),
      close: () => socket.close(),
    }
    return new TestClient(channel)
  }

  /** Starts a run that lasts longer than the app will live. */
  async pose(client: TestClient, paths: number): Promise<string> {
    const { run } = await client.call('run.start', {
      request: {
        problem: 'Go on and on.',
        model: this.model,
        settings: {
          paths,
          budget: 1900,
          summaryBudget: 8,
          finish: 'last',
          sampling: { temperature: 0 },
          engine: { threads: 1 },
        },
      },
    })
    await client.call('run.open', { run })
    return run
  }

  /** Kills every process of the app at once. */
  async kill(): Promise<void> {
    const server = this.#server!
    const gone = new Promise((resolve) => server.once('exit', resolve))
    process.kill(-server.pid!, 'SIGKILL')
    await gone
  }

  /** Returns the process id of the engine host. */
  host(): number | undefined {
    try {
      return Number(
        execFileSync('pgrep', ['-P', String(this.#server!.pid), '-f', 'host-main'])
          .toString()
          .trim()
          .split('\n')[0],
      )
    } catch {
      return undefined
    }
  }

  async close(): Promise<void> {
    if (this.#server?.exitCode === null && this.#server.signalCode === null) await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Records what windows were shown, one line per push, written before the next push is read. */
export class Oracle {
  readonly file: string
  readonly #runs = new Map<string, RunEvent[]>()

  constructor(folder: string) {
    this.file = join(folder, 'oracle.jsonl')
  }

  follow(client: TestClient): void {
    client.onPush((push: HostMessage) => {
      if (push.kind !== 'events' && push.kind !== 'backlog') return
      const events = eventsIn(push)
      appendFileSync(this.file, JSON.stringify({ run: push.run, events: events.length }) + '\n')
      this.#runs.set(push.run, [...(this.#runs.get(push.run) ?? []), ...events])
    })
  }

  shown(run: string): RunEvent[] {
    return this.#runs.get(run) ?? []
  }
}

/** Returns what is wrong with the files of the data folder; an empty list if nothing is. */
export function fileFaults(data: string): string[] {
  const faults: string[] = []
  const folder = join(data, 'runs')
  if (!existsSync(folder)) return faults
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/\.jsonl?$/.test(name)) continue
    const text = readFileSync(join(folder, name), 'utf8')
    if (text === '') faults.push(`${name} is empty`)
    if (text.includes('\0')) faults.push(`${name} holds a NUL`)
    const lines = text.split('\n')
    // The last line may be torn; otherwise it is ''.
    lines.slice(0, -1).forEach((line, i) => {
      try {
        JSON.parse(line)
      } catch {
        faults.push(`line ${i + 1} of ${lines.length} of ${name} is damaged`)
      }
    })
  }
  return faults
}

/** Returns an event without what a transcript does not keep. */
const kept = (event: RunEvent): string =>
  JSON.stringify(event, (key, value: unknown) => (key === 'alternatives' ? undefined : value))

/** Returns what a run has lost of what was shown; nothing if everything is there, in order. */
export async function lost(
  client: TestClient,
  run: string,
  shown: readonly RunEvent[],
): Promise<string | null> {
  await client.call('run.open', { run })
  await until(
    () => client.events(run).length >= shown.length,
    `the ${shown.length} events of ${run}`,
    10_000,
  ).catch(() => undefined)
  const read = client.events(run)
  if (read.length < shown.length)
    return `${run}: ${shown.length} events were shown, ${read.length} are there`
  const at = shown.findIndex((event, i) => kept(event) !== kept(read[i]!))
  return at < 0
    ? null
    : `${run}: event ${at} is another: ${kept(shown[at]!).slice(0, 200)} was shown, ${kept(read[at]!).slice(0, 200)} is there`
}
