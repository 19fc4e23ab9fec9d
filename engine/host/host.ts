import { join } from 'node:path'
import { z } from 'zod'
import { Activity } from './activity.ts'
import { ApiSwitch } from './api.ts'
import { Attributions } from './attributions.ts'
import { Client } from './client.ts'
import { DataFile } from '../files/index.ts'
import type { HostEngine } from './engine.ts'
import { Labs, type LabMethod } from './lab.ts'
import { idOf } from './mux.ts'
import { JOBS } from './jobs.ts'
import { Library, type LibraryMethod } from './library.ts'
import { Residency } from './residency.ts'
import { Runs } from './runs.ts'
import { storageOf } from './storage.ts'
import { Titles } from './titles.ts'
import { Watchdog } from './watchdog.ts'
import { bundledModel } from '../models/index.ts'
import type { ApiSettings } from '../protocol/api.ts'
import { BraidError, fail, toBraidError } from '../protocol/errors.ts'
import { runError } from '../protocol/events.ts'
import { readPreferences, storedPreferences, type Preferences } from '../protocol/preferences.ts'
import {
  METHODS,
  Request,
  type Channel,
  type HostMessage,
  type Method,
  type Result,
  type Task,
} from '../protocol/wire.ts'
import { exportRuns, importInSlices } from '../transcripts/export/index.ts'
import { RunStore } from '../transcripts/index.ts'

type Handlers = {
  [M in Exclude<Method, LibraryMethod | LabMethod>]: (
    params: z.output<(typeof METHODS)[M]['params']>,
    client: Client,
  ) => Result<M> | Promise<Result<M>>
}
/** Keys that this version does not know are kept unchanged. */
const Settings = z.record(z.string(), z.unknown())
const MAX_SETTINGS = 1 << 20
const TASKS_MS = 150
const RECORD_MS = 2_000

export interface HostOptions {
  /** Data folder: runs, settings and the list of models. */
  folder: string
  engine: HostEngine
  /**
   * Called if the native engine hangs, or a worker is gone. The process should exit, so that its supervisor starts a new
   * one.
   */
  onStall?: (message: string) => void
  stopMs?: number
  /** How API clients are served, whatever the preferences say. */
  api?: ApiSettings | undefined
}

/**
 * Serves METHODS over any channel. Checks all input by schema; returns every failure as a typed
 * error.
 */
export class Host {
  readonly #folder: string
  readonly #engine: HostEngine
  readonly #store: RunStore
  readonly #runs: Runs
  readonly #library: Library
  readonly #labs: Labs
  readonly #residency: Residency
  readonly #titles: Titles
  readonly #api: ApiSwitch
  readonly #apiSettings: ApiSettings | undefined
  readonly #settings: DataFile<Record<string, unknown>>
  readonly #clients = new Set<Client>()
  readonly #attributions: Attributions
  readonly #activity = new Activity(() => this.#runs.progress())
  #tasks: Task[] = []
  #telling: NodeJS.Timeout | undefined

  constructor({ folder, engine, onStall, stopMs, api }: HostOptions) {
    this.#folder = folder
    this.#engine = engine
    this.#store = new RunStore(folder)
    this.#library = new Library({
      folder,
      engine,
      onModels: () => this.#changed('models'),
      onDevices: () => this.#changed('devices'),
      onTasks: (tasks) => this.#tellTasks(tasks),
    })
    this.#settings = new DataFile(join(folder, 'settings.json'), Settings, {})
    engine.allowPrograms(this.#preferences().runPrograms)
    engine.onLost(({ detail, message }) => {
      const worker = detail?.params.worker
      void this.#end(worker === undefined ? message : `the worker ${worker} is gone`, onStall)
    })
    const watchdog = new Watchdog((message) => onStall?.(message), stopMs)
    this.#runs = new Runs({
      engine,
      store: this.#store,
      watchdog,
      onEvent: (run, event) => {
        this.#clients.forEach((client) => client.push(run, event))
        this.#activity.changed()
      },
      onProgress: (run, fraction) => {
        this.#broadcast({ kind: 'progress', task: run, fraction })
        this.#activity.changed()
      },
      onReading: () => this.#activity.changed(),
      onWaiting: (run, place) => this.#broadcast({ kind: 'waiting', run, place }),
      onEnd: (run) => {
        this.#activity.ended(run)
        this.#titles.ended(run.run)
      },
      onChange: () => {
        this.#changed('runs')
        this.#activity.changed()
        this.#residency.update()
        this.#titles.update()
      },
      onWork: () => this.#residency.update(),
    })
    this.#labs = new Labs({
      folder,
      engine,
      runs: this.#runs,
      store: this.#store,
      settle: (model, settings) => this.#library.settle(model, settings),
      onExperiment: (experiment) => this.#broadcast({ kind: 'lab', experiment }),
      onList: () => this.#changed('lab'),
    })
    this.#titles = new Titles({
      engine,
      store: this.#store,
      wanted: () => this.#preferences().titles,
      busy: () => this.#runs.atWork,
      onTitle: () => this.#changed('runs'),
    })
    this.#attributions = new Attributions(this.#runs, watchdog)
    this.#residency = new Residency({
      engine,
      send: (message) => this.#broadcast(message),
      busy: () => this.#runs.atWork,
      idleMinutes: () => this.#preferences().idleMinutes,
    })
    this.#apiSettings = api
    this.#api = new ApiSwitch({
      folder,
      serve: (channel) => this.serve(channel),
      onChange: () => this.#changed('api'),
    })
    this.#api.set(this.#apiWanted())
  }

  /**
   * Probes the devices, and loads the model that windows start with if the user wants that and it
   * fits.
   */
  async warmUp(): Promise<void> {
    const { loadAtStart, model, loadingAtStart } = this.#preferences()
    const wanted = loadAtStart && model !== ''
    // The engine ended while loading this model, and would do so at every start.
    const deadly = wanted && loadingAtStart === model
    if (deadly)
      this.#set({ loadAtStart: false, notLoadedAtStart: model, loadingAtStart: undefined })
    await this.#engine.ready()
    if (deadly) throw fail('engine-lost/loading', { model })
    if (!wanted) return
    const settings = await this.#library.settle(model, {})
    const { verdict, total, free } = await this.#engine.fit(model, settings)
    if (verdict === 'wont-fit') throw fail('out-of-memory/loading', { model, needed: total, free })
    const onProgress = (fraction: number) =>
      this.#broadcast({ kind: 'progress', task: 'load', fraction })
    this.#set({ loadingAtStart: model })
    try {
      await this.#engine.load(model, settings, onProgress)
    } finally {
      onProgress(1)
      this.#set({ loadingAtStart: undefined })
    }
  }

  /** Says why the process has to end once the runs, which have failed, are recorded. */
  async #end(why: string, onStall: HostOptions['onStall']): Promise<void> {
    await Promise.race([this.#runs.over(), new Promise((done) => setTimeout(done, RECORD_MS))])
    onStall?.(why)
  }

  serve(channel: Channel): void {
    const client = new Client(channel)
    this.#clients.add(client)
    for (const one of this.#runs.waiting()) client.send({ kind: 'waiting', ...one })
    channel.onMessage((message) => void this.#answer(client, message))
    channel.onClose(() => {
      client.leave()
      this.#clients.delete(client)
    })
  }

  /** Links a model and makes it the model that windows start with. */
  async openWith(file: string): Promise<void> {
    const { file: model } = await this.#library.registry.add(file)
    this.#set({ model })
    this.#changed('models')
  }

  async close(): Promise<void> {
    try {
      // A deliberate shutdown must not count against the model being loaded.
      if (this.#preferences().loadingAtStart !== '') this.#set({ loadingAtStart: undefined })
    } catch {
      // The disk is full, so this model is not loaded at the next start.
    }
    await this.#api.close()
    await this.#library.close()
    await this.#titles.close()
    await this.#labs.close()
    await this.#runs.close()
    this.#residency.close()
    this.#activity.close()
    clearTimeout(this.#telling)
    await this.#engine.close()
  }

  async #answer(client: Client, message: unknown): Promise<void> {
    const request = Request.safeParse(message)
    const id = request.success ? request.data.id : idOf(message)
    try {
      if (!request.success)
        throw new BraidError(
          'bad-request',
          `The message is not a request: ${firstIssue(request.error)}`,
        )
      const { method, params } = request.data
      client.send({ kind: 'result', id, result: await this.#call(client, method, params) })
    } catch (error) {
      client.send({ kind: 'error', id, error: runError(toBraidError(error)) })
    }
  }

  #call(client: Client, method: string, params: unknown): unknown {
    if (!Object.hasOwn(METHODS, method))
      throw new BraidError('bad-request', `The method '${method}' does not exist.`)
    const parsed = METHODS[method as Method].params.safeParse(params)
    if (!parsed.success)
      throw new BraidError('bad-request', `${method}: ${firstIssue(parsed.error)}`)
    if (Object.hasOwn(this.#library.handlers, method))
      return this.#library.handlers[method as LibraryMethod](parsed.data as never)
    if (Object.hasOwn(this.#labs.handlers, method))
      return this.#labs.handlers[method as LabMethod](parsed.data as never)
    return this.#handlers[method as keyof Handlers](parsed.data as never, client)
  }

  readonly #handlers: Handlers = {
    'app.info': () => ({
      ...this.#engine.version(),
      dataFolder: this.#folder,
      bundledModel: bundledModel(),
    }),

    'run.start': async ({ request }) => {
      const model = request.model ?? bundledModel()
      if (model === null) throw fail('model-not-found/choose')
      await this.#engine.ready()
      return {
        run: this.#runs.start({
          ...request,
          model,
          settings: await this.#library.settle(model, request.settings),
        }),
      }
    },
    'run.command': async ({ run, command }) => {
      await this.#engine.ready()
      return this.#runs.command(run, command)
    },
    // Subscribes without awaiting first, so that the next event follows the backlog and none is lost
    // or duplicated.
    'run.open': ({ run }, client) => {
      this.#labs.provide(run)
      return client.subscribe(run, this.#runs.backlog(run), () => this.#runs.isLive(run))
    },
    'run.close': ({ run }, client) => {
      client.unsubscribe(run)
      return {}
    },
    'run.answer': ({ run }) => this.#runs.answer(run),
    'run.alternatives': ({ run, segment, index, count }) =>
      this.#store.alternatives(run, segment, index, count),
    'run.attribution': ({ run, segment }, client) => this.#attributions.ask(client, run, segment),
    'run.attribution.cancel': ({ run, segment }, client) => {
      this.#attributions.cancel(client, run, segment)
      return {}
    },

    'runs.list': () => this.#runs.list(),
    'runs.watch': (_none, client) => {
      this.#activity.watch(client)
      return {}
    },
    'runs.search': ({ query }, client) => this.#store.search(query, client.nextSearch()),
    'runs.search.cancel': (_none, client) => {
      client.nextSearch()
      return {}
    },
    'runs.update': ({ run, ...changes }) => this.#and('runs', this.#store.update(run, changes)),
    'runs.delete': async ({ run }) => {
      await this.#runs.release(run)
      this.#store.delete(run)
      return this.#and('runs', {})
    },
    'runs.restore': ({ run }) => this.#and('runs', this.#store.restore(run)),
    'runs.import': async ({ content }, client) => {
      const runs = await importInSlices(this.#store, content, client.gone)
      return this.#and('runs', await this.#store.summaries(runs))
    },
    'runs.export': ({ runs, format }) => exportRuns(this.#store, runs, format),

    'storage.list': () => storageOf(this.#folder),
    'storage.emptyTrash': () => ({ runs: this.#store.emptyTrash() }),

    'api.status': () => this.#api.status,
    'api.newKey': async () => {
      await this.#api.newKey()
      return {}
    },

    'engine.restart': () => ({}), // A host that can answer needs no restart; the supervisor handles the rest.
    'settings.get': () => storedPreferences(this.#settings.read(), 'shared'),
    'settings.set': (changes) => {
      this.#set(changes)
      return {}
    },
  }

  #preferences(): Preferences<'shared' | 'host'> {
    return readPreferences(this.#settings.read(), 'shared', 'host')
  }

  /** Returns how API clients are to be served: as this process was asked to, or as the user prefers. */
  #apiWanted(): ApiSettings | null {
    if (this.#apiSettings !== undefined) return this.#apiSettings
    const { api, apiPort: port } = this.#preferences()
    return api ? { port, host: '127.0.0.1', names: [], origins: [], jobs: JOBS, key: true } : null
  }

  /** Changes settings; undefined removes a key. */
  #set(changes: Partial<Preferences<'shared' | 'host'>>): void {
    const settings = { ...this.#settings.read(), ...changes }
    if (JSON.stringify(settings).length > MAX_SETTINGS) throw fail('bad-request/settings-size')
    this.#settings.write(settings)
    this.#api.set(this.#apiWanted())
    this.#engine.allowPrograms(this.#preferences().runPrograms)
  }

  #and<T>(what: 'runs' | 'models', result: T): T {
    this.#changed(what)
    return result
  }

  /** Sends tasks to the clients at most a few times per second; the latest state is always sent. */
  #tellTasks(tasks: Task[]): void {
    this.#tasks = tasks
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined
      this.#broadcast({ kind: 'tasks', tasks: this.#tasks })
    }, TASKS_MS)
  }

  #changed(what: Extract<HostMessage, { kind: 'changed' }>['what']): void {
    this.#broadcast({ kind: 'changed', what })
  }

  #broadcast(message: HostMessage): void {
    this.#clients.forEach((client) => client.send(message))
  }
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues
  return `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not valid'}`.trim()
}
