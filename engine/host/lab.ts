import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import {
  DataFile,
  givenPath,
  makeFolder,
  MAX_OWN_FILE,
  MAX_TEXT_FILE,
  readText,
  WriteLock,
  writeAtomic,
} from '../files/index.ts'
import type * as LabModule from '../lab/index.ts'
import type { Job, Runner, Speed } from '../lab/index.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import { pathId, runError, thrownError } from '../protocol/events.ts'
import { applyEvent, EMPTY_RUN } from '../protocol/fold.ts'
import { experimentOf } from '../protocol/lab.ts'
import type { RunRequest } from '../protocol/request.ts'
import {
  Experiment,
  foldLab,
  type LabSpec,
  type Method,
  type METHODS,
  type Result,
} from '../protocol/wire.ts'
import type { RunStore } from '../transcripts/index.ts'
import { newRunId } from '../transcripts/index.ts'
import type { HostEngine } from './engine.ts'
import type { Runs } from './runs.ts'

export type LabMethod = Extract<Method, `lab.${string}`>
type Handlers = {
  [M in LabMethod]: (
    params: z.output<(typeof METHODS)[M]['params']>,
  ) => Result<M> | Promise<Result<M>>
}

/** What is stored of an experiment, beside its results. */
const Stored = Experiment.extend({
  /** How many lines its results had when it was last begun, which shows whether it got on. */
  begunAt: z.int().optional(),
})
type Stored = z.infer<typeof Stored>

/** Speeds measured on this machine, by model, device and type of the cache. */
const Speeds = z.record(
  z.string(),
  z.array(z.object({ paths: z.int(), tokensPerSecond: z.number(), promptPerSecond: z.number() })),
)

const TELL_MS = 400
/** Tokens per path of a run that measures the speed. */
const MEASURED = 48
const OUT_OF = 'Lab, in the window'

/** Loaded when it is first needed: a host without experiments starts sooner. */
const labModule = (): Promise<typeof LabModule> => import('../lab/index.ts')

export interface LabParts {
  /** Data folder. */
  folder: string
  engine: HostEngine
  runs: Runs
  store: RunStore
  settle: (model: string, settings: RunRequest['settings']) => Promise<RunRequest['settings']>
  /** Called when an experiment changes, a few times per second while it is at work. */
  onExperiment: (experiment: Experiment) => void
  /** Called when an experiment is deleted. */
  onList: () => void
}

/**
 * Keeps the experiments of the data folder and carries them out, one after another, with the engine
 * of this host. What was at work when the host ended goes on when it starts again.
 */
export class Labs {
  readonly #parts: LabParts
  readonly #root: string
  readonly #speeds: DataFile<z.infer<typeof Speeds>>
  readonly #all = new Map<string, Stored>()
  #work: { id: string; stop: AbortController; ended: Promise<void> } | null = null
  #closed = false
  #told = 0
  #telling: NodeJS.Timeout | undefined

  constructor(parts: LabParts) {
    this.#parts = parts
    this.#root = join(parts.folder, 'lab')
    this.#speeds = new DataFile(join(this.#root, 'speeds.json'), Speeds, {})
    for (const stored of this.#stored()) this.#all.set(stored.id, this.#afterStart(stored))
    this.#next()
  }

  readonly handlers: Handlers = {
    'lab.sets': async () => {
      const { ownSets } = await labModule()
      const given = this.#sets()
      return [
        ...ownSets().map((file) => ({ file, name: basename(file), own: true })),
        ...(existsSync(given) ? readdirSync(given) : []).map((name) => ({
          file: join(given, name),
          name: name.replace(/^[0-9a-f]{12}-/, ''),
          own: false,
        })),
      ]
    },
    'lab.inspect': async ({ set, fields }) => {
      const { inspectSet } = await labModule()
      if ('file' in set) return inspectSet(setPath(set.file), fields)
      const file = this.#keep(set)
      try {
        return inspectSet(file, fields)
      } catch (error) {
        rmSync(file, { force: true })
        throw error
      }
    },
    'lab.estimate': async ({ spec, measure }) => {
      const lab = await labModule()
      const opened = await lab.openLab(await this.#settled(spec))
      const units = lab.unitsOf(opened)
      const key = speedKey(opened.spec)
      const known = this.#speeds.read()[key]
      if (known === undefined && measure !== true) return lab.estimateOf(opened, units, [])
      const speeds = known ?? (await this.#measure(opened, units))
      if (known === undefined) {
        makeFolder(this.#root)
        this.#speeds.write({ ...this.#speeds.read(), [key]: speeds })
      }
      return lab.estimateOf(opened, units, speeds)
    },
    'lab.start': async ({ title, spec: asked }) => {
      const lab = await labModule()
      const spec = await this.#settled(asked)
      // What cannot be run is refused before it is listed.
      const opened = await lab.openLab(spec)
      lab.unitsOf(opened)
      if (opened.problems.length === 0) throw fail('bad-request/nothing-scored')
      const experiment: Stored = {
        id: `lab-${newRunId()}`,
        title,
        time: new Date().toISOString(),
        spec,
        state: 'waiting',
        model: opened.model.name,
        unscored: null,
        searching: null,
        done: 0,
        wanted: 0,
        msLeft: null,
        cells: [],
      }
      makeFolder(this.#folder(experiment.id))
      this.#set(experiment)
      this.#next()
      return this.#one(experiment.id)
    },
    'lab.list': () => [...this.#all.values()].map(shown).sort((a, b) => (a.time < b.time ? 1 : -1)),
    'lab.command': async ({ experiment: id, command }) => {
      const { state } = this.#one(id)
      const over = state === 'done' || state === 'cancelled'
      if (command === 'delete') await this.#delete(id)
      else if (over) throw fail('bad-request/experiment-over')
      else if (command === 'resume') {
        if (state === 'paused' || state === 'failed')
          this.#set({ ...this.#one(id), state: 'waiting', error: undefined })
        this.#next()
      } else {
        this.#set({ ...this.#one(id), state: command === 'pause' ? 'paused' : 'cancelled' })
        await this.#stop(id)
      }
      return {}
    },
    'lab.runs': async ({ experiment, unit, vote }) => {
      const { runsOf } = await labModule()
      return runsOf(this.#folder(experiment), this.#one(experiment), { unit, vote })
    },
    'lab.export': async ({ experiment, format }) => {
      const { exportLab } = await labModule()
      return exportLab(this.#folder(experiment), this.#one(experiment), format, this.#version())
    },
  }

  /**
   * Copies a run of a path bank to the other runs of its experiment when it is first opened: what the
   * user then does with it leaves the bank as it was recorded.
   */
  provide(run: string): void {
    const id = experimentOf(run)
    if (id === null || !this.#all.has(id) || this.#parts.store.has(run)) return
    const file = join(this.#folder(id), 'bank', 'runs', `${run.slice(id.length + 1)}.jsonl`)
    if (existsSync(file)) this.#parts.store.copy(file, run)
  }

  /** Stops the experiment at work, which goes on when the host starts again. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#telling)
    const work = this.#work
    work?.stop.abort()
    await work?.ended
  }

  #one(id: string): Stored {
    const one = this.#all.get(id)
    if (one === undefined) throw fail('bad-request/no-experiment', { id })
    return one
  }

  #folder(id: string): string {
    return join(this.#root, id)
  }

  #sets(): string {
    return join(this.#root, 'sets')
  }

  /** Writes a problem set that was handed over, once; returns its file. */
  #keep({ name, content }: { name: string; content: string }): string {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 12)
    const stem = basename(name.replace(/\.jsonl?$/i, '')).replace(/[^\p{L}\p{N}._-]+/gu, '-')
    makeFolder(this.#sets())
    const file = join(this.#sets(), `${hash}-${stem.slice(0, 40)}.jsonl`)
    if (!existsSync(file)) writeAtomic(file, content)
    return file
  }

  async #settled(spec: LabSpec): Promise<LabSpec> {
    const [model, data] = [givenPath(spec.model), setPath(spec.data)]
    return { ...spec, model, data, settings: await this.#parts.settle(model, spec.settings) }
  }

  /** Returns the experiments on disk. A damaged one is left out. */
  #stored(): Stored[] {
    return namesIn(this.#root).flatMap((name) => {
      try {
        const file = join(this.#root, name, 'experiment.json')
        return Stored.parse(JSON.parse(readText(file, MAX_OWN_FILE)))
      } catch {
        return []
      }
    })
  }

  /**
   * Returns an experiment as it goes on after a start of the host. If it made nothing since it was
   * last begun, it may be what ended the host, and waits for the user.
   */
  #afterStart(stored: Stored): Stored {
    if (stored.state !== 'running') return stored
    if (stored.begunAt === undefined || this.#lines(stored.id) > stored.begunAt)
      return { ...stored, state: 'waiting' }
    return {
      ...stored,
      state: 'paused',
      error: {
        code: 'engine-lost',
        message: 'The engine ended before a run of this experiment was done. Resume to try again.',
      },
    }
  }

  /** Returns how much an experiment has made: lines of its files, and runs of its bank. */
  #lines(id: string): number {
    return ['results.jsonl', 'wrong-paths.jsonl']
      .map((name) => join(this.#folder(id), name))
      .reduce((sum, file) => sum + linesIn(file), this.#banked(id))
  }

  /** Returns how many files the runs of a path bank have. */
  #banked(id: string): number {
    const runs = join(this.#folder(id), 'bank', 'runs')
    return namesIn(runs).length
  }

  /** Takes the new state of an experiment, stores it and tells it. */
  #set(next: Stored): void {
    this.#all.set(next.id, next)
    writeAtomic(join(this.#folder(next.id), 'experiment.json'), JSON.stringify(next))
    this.#parts.onExperiment(shown(next))
  }

  /** Begins the oldest experiment that waits, unless one is at work. */
  #next(): void {
    if (this.#work !== null || this.#closed) return
    const [first] = [...this.#all.values()]
      .filter(({ state }) => state === 'waiting')
      .sort((a, b) => (a.time < b.time ? -1 : 1))
    if (first === undefined) return
    const stop = new AbortController()
    const ended = this.#run(first.id, stop.signal).finally(() => {
      this.#work = null
      this.#next()
    })
    this.#work = { id: first.id, stop, ended }
  }

  async #stop(id: string): Promise<void> {
    if (this.#work?.id !== id) return
    const { stop, ended } = this.#work
    stop.abort()
    await ended
  }

  async #delete(id: string): Promise<void> {
    this.#all.set(id, { ...this.#one(id), state: 'cancelled' })
    await this.#stop(id)
    this.#all.delete(id)
    rmSync(this.#folder(id), { recursive: true, force: true })
    this.#parts.store.discardExperiment(id)
    this.#parts.onList()
  }

  /** Carries out an experiment until it is done, stopped or failed. Never rejects. */
  async #run(id: string, signal: AbortSignal): Promise<void> {
    let lock: WriteLock | undefined
    try {
      lock = new WriteLock(join(this.#folder(id), 'lock'), 'this experiment')
      this.#set({ ...this.#one(id), state: 'running', begunAt: this.#lines(id) })
      await this.#parts.engine.ready()
      const { runLab } = await labModule()
      const events = runLab(this.#one(id).spec, signal, {
        out: this.#folder(id),
        command: OUT_OF,
        engine: this.#version(),
        runners: (jobs) => this.#runners(id, jobs),
        bank: this.#parts.engine,
      })
      for await (const event of events) {
        this.#all.set(id, { ...this.#one(id), ...foldLab(this.#one(id), event) })
        this.#tell(id)
      }
      this.#set({ ...this.#one(id), state: 'done' })
    } catch (error) {
      const one = this.#one(id)
      // A stop was decided elsewhere; when the host closes, the experiment stays at work.
      if (signal.aborted)
        this.#keepState({ ...one, msLeft: null, searching: null, begunAt: undefined })
      else
        this.#keepState({
          ...one,
          state: 'failed',
          msLeft: null,
          searching: null,
          error: runError(toBraidError(error)),
        })
    } finally {
      lock?.release()
    }
  }

  /** As `#set`, where the disk may be what failed. */
  #keepState(next: Stored): void {
    try {
      this.#set(next)
    } catch {
      this.#parts.onExperiment(shown(next))
    }
  }

  #tell(id: string): void {
    const rest = TELL_MS - (Date.now() - this.#told)
    const tell = () => {
      this.#telling = undefined
      this.#told = Date.now()
      const one = this.#all.get(id)
      if (one !== undefined) this.#parts.onExperiment(shown(one))
    }
    if (rest <= 0) tell()
    else this.#telling ??= setTimeout(tell, rest)
  }

  /** Returns runners that share the host's engine; closing one ends the runs of all. */
  #runners(id: string, jobs: number): Runner[] {
    const stop = new AbortController()
    const run = async ({ request, name, prefix, tokens }: Job) => {
      const { digestOf } = await labModule()
      if (stop.signal.aborted) throw fail('cancelled/experiment')
      const made = `${id}-${name ?? randomUUID()}`
      const state = await this.#parts.runs.make(made, request, {
        signal: stop.signal,
        ...(prefix !== undefined && prefix.length > 0 && { given: new Map([[pathId(1), prefix]]) }),
      })
      return { ...digestOf(state, tokens), run: made }
    }
    return Array.from({ length: jobs }, () => ({ run, close: () => stop.abort() }))
  }

  /** Makes two short runs, of one path and of the widest unit, that are not kept. */
  async #measure(
    { spec, problems }: Awaited<ReturnType<typeof LabModule.openLab>>,
    units: ReturnType<typeof LabModule.unitsOf>,
  ): Promise<Speed[]> {
    const { engine } = this.#parts
    await engine.ready()
    const widest = Math.max(...units.map(({ settings }) => settings.paths))
    const speeds: Speed[] = []
    for (const paths of new Set([1, widest])) {
      const settings = {
        ...units[0]!.settings,
        strategy: 'majority' as const,
        paths,
        runs: 1,
        budget: MEASURED,
        summaryBudget: 1,
        reuseTokens: true,
      }
      const handle = engine.think(
        { problem: problems[0]?.problem ?? 'Count to a hundred.', model: spec.model, settings },
        { id: newRunId(), final: true },
      )
      let state = EMPTY_RUN
      for await (const event of handle.events) {
        state = applyEvent(state, event)
        if (event.type === 'run-ended' || event.type === 'run-failed') break
      }
      await handle.close()
      const { usage, timings, error } = state
      if (error !== null) throw thrownError(error)
      if (usage === null || timings === null) continue
      speeds.push({
        paths,
        tokensPerSecond: (usage.pathTokens * 1000) / Math.max(1, timings.pathsMs),
        promptPerSecond: (usage.promptTokens * 1000) / Math.max(1, timings.prefillMs),
      })
    }
    return speeds
  }

  #version(): string {
    const { version, llama } = this.#parts.engine.version()
    return `Braid ${version}, llama.cpp ${llama}`
  }
}

/** Returns the names in a folder; none if it cannot be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Returns the number of lines of a file; 0 if it cannot be read. */
function linesIn(file: string): number {
  try {
    const text = readText(file, MAX_TEXT_FILE)
    return text === '' ? 0 : text.split('\n').length
  } catch {
    return 0
  }
}

/** Returns the path of a problem set as it was given. Throws `bad-request` if it names another file. */
function setPath(given: string): string {
  const path = givenPath(given)
  if (!/\.jsonl?$/i.test(path)) throw fail('bad-request/set-file', { file: path })
  return path
}

/** Returns what windows are told. */
const shown = ({ begunAt: _, ...experiment }: Stored): Experiment => experiment

function speedKey({ model, settings }: LabSpec): string {
  const { device = 'auto', kvType = 'f16', threads = 0 } = settings.engine ?? {}
  return [model, device, kvType, threads].join('|')
}
