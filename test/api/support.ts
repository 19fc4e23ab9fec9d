import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import OpenAI from 'openai'
import { serveApi, type Api, type ApiOptions } from '../../engine/api/index.ts'
import { Host } from '../../engine/host/host.ts'
import { localEngine } from '../../engine/host/local.ts'
import { channelPair } from '../../engine/protocol/channel-pair.ts'
import { Client } from '../../engine/protocol/client.ts'
import { foldRun, type RunState } from '../../engine/protocol/fold.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { writeScripted } from '../support/scripted-model.ts'
import type { Scripts } from '../support/scripts.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

export const KEY = 'braid-key-of-a-test'

/** What Braid adds to OpenAI's types. */
export interface BraidReport {
  notices: { code: string; message: string }[]
  runs: {
    run: string
    strategy: string
    question: string | null
    answer: string | null
    segment: string | null
    answers: { segment: string; answer: string | null; tokens: number }[]
    votes: { answer: string | null; votes: number; members: string[]; wins: boolean }[] | null
    paths: number
    summaries: number
    notices: { code: string; message: string }[]
  }[]
}

/** An API over the real engine, in this process. */
export class TestApi {
  readonly folder = mkdtempSync(join(tmpdir(), 'braid-api-'))
  readonly store = new RunStore(this.folder)
  readonly host: Host
  readonly #apis: Api[] = []
  url = ''

  constructor(jobs = 4) {
    this.host = new Host({ folder: this.folder, engine: localEngine(this.folder, jobs) })
  }

  async serve(options: Partial<ApiOptions> = {}): Promise<string> {
    const api = await serveApi({
      channel: this.channel(),
      port: 0,
      host: '127.0.0.1',
      names: [],
      origins: [],
      key: KEY,
      jobs: 4,
      ...options,
    })
    this.#apis.push(api)
    return (this.url = api.url)
  }

  channel() {
    const [here, there] = channelPair()
    this.host.serve(there)
    return here
  }

  client(): Client {
    return new Client(this.channel())
  }

  /** Adds a model to the list; its name is that of its file. */
  async add(file: string): Promise<void> {
    await this.client().call('models.add', { file })
  }

  /** Adds a model that says a script. */
  async scripted(name: string, scripts: Scripts, template?: string): Promise<void> {
    const file = writeScripted(scripts, { name, ...(template !== undefined && { template }) })
    const named = join(dirname(file), `${name}.gguf`)
    renameSync(file, named)
    await this.add(named)
  }

  /** Adds a model that writes without end. */
  async endless(name: string): Promise<void> {
    const model = tinyModel({ shape: 'llama', endless: true, pairs: 0, thoughts: 0 })
    const folder = mkdtempSync(join(tmpdir(), 'braid-tiny-'))
    await this.add(writeTiny(model, folder, join(folder, `${name}.gguf`)))
  }

  openai(options: { path?: string; apiKey?: string } = {}): OpenAI {
    return new OpenAI({
      baseURL: this.url + (options.path ?? ''),
      apiKey: options.apiKey ?? KEY,
      maxRetries: 0,
    })
  }

  state(run: string): RunState {
    return foldRun(this.store.events(run))
  }

  /** States of all runs, newest first. */
  async states(): Promise<RunState[]> {
    return (await this.store.list()).map(({ run }) => this.state(run))
  }

  async close(): Promise<void> {
    for (const api of this.#apis) await api.close()
    await this.host.close()
    rmSync(this.folder, { recursive: true })
  }
}

/** Sends raw bytes to a server and returns what comes until the connection closes. */
export function raw(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let got = ''
    socket.on('error', reject)
    socket.on('data', (data) => (got += data.toString('latin1')))
    socket.on('close', () => resolve(got))
    // Not `end`: a client that closes its half has left.
    socket.write(text.replace(/\r\n\r\n/, '\r\nConnection: close\r\n\r\n'), 'latin1')
    setTimeout(() => socket.destroy(), 60_000).unref()
  })
}

export const statusOf = (answer: string): number => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1])
