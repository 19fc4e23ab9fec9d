/**
 * Runs long work on models, one task of each kind at a time. A task that was paused, failed or
 * interrupted by the end of the program keeps its partial results and continues with `resume`. The
 * list is stored on disk, and shared with other programs on the same data folder: each changes only
 * its own tasks, and takes over those of programs that have ended.
 */
import { randomUUID } from 'node:crypto'
import { existsSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { fail, toBraidError } from '../protocol/errors.ts'
import { runError } from '../protocol/events.ts'
import { ConvertType, file as path, Task } from '../protocol/models.ts'
import type { Notice } from '../protocol/wording.ts'
import {
  makeFolder,
  MAX_OWN_FILE,
  ownName,
  readText,
  stateOf,
  WriteLock,
  writeAtomic,
} from '../files/index.ts'

const Wanted = z.object({
  url: z.string(),
  name: z.string(),
  size: z.number().optional(),
  sha256: z.string().optional(),
})
/** What a task does. */
export const Job = z.discriminatedUnion('kind', [
  /** Download files into a folder; with `convert`, then convert the folder to a GGUF. */
  z.object({
    kind: z.literal('download'),
    folder: path,
    files: z.array(Wanted).min(1).max(1000),
    convert: z.object({ type: ConvertType, output: path }).optional(),
  }),
  z.object({ kind: z.literal('convert'), folder: path, type: ConvertType, output: path }),
  z.object({ kind: z.literal('backend'), backend: z.string() }),
])
export type Job = z.infer<typeof Job>

const Stored = z.array(
  z.object({
    id: z.string(),
    name: z.string(),
    job: Job,
    state: Task.shape.state,
    error: Task.shape.error,
    /** The program that the task belongs to (`ownName`). */
    owner: z.string().optional(),
  }),
)
type Stored = z.infer<typeof Stored>

export interface Progress {
  phase: Task['phase']
  fraction: number | null
  done?: number
  total?: number | null
}
export interface Work {
  /**
   * Performs a job and returns the path of the result. After an abort the partial results stay, so
   * that the job can be resumed.
   */
  run(
    job: Job,
    options: {
      signal: AbortSignal
      onProgress: (progress: Progress) => void
      /** Receives what the user should know about the result. */
      onNotice: (notice: Notice) => void
    },
  ): Promise<string | undefined>
  /** Removes partial results. */
  discard(job: Job): Promise<void>
}

interface Item {
  task: Task
  job: Job
  abort?: AbortController
  ended?: Promise<void>
  from?: { at: number; done: number }
}

export class Tasks {
  readonly #file: string
  readonly #work: Work
  readonly #onChange: (tasks: Task[]) => void
  #items: Item[] = []
  /** Tasks that were taken off the list. */
  readonly #gone = new Set<string>()

  /** `file` stores the list. Tasks that were running when the program ended are paused. */
  constructor(file: string, work: Work, onChange: (tasks: Task[]) => void = () => undefined) {
    this.#file = file
    this.#work = work
    this.#onChange = onChange
    if (existsSync(file)) this.#save()
  }

  list(): Task[] {
    return this.#items.map(({ task }) => task)
  }

  /** Adds a task. A job that is already on the list resumes where it stopped. */
  add(name: string, job: Job): Task {
    const key = JSON.stringify(job)
    const same = this.#items.find(
      (item) => JSON.stringify(item.job) === key && item.task.state !== 'done',
    )
    if (same !== undefined) {
      this.#resume(same)
      return same.task
    }
    const item: Item = {
      job,
      task: {
        id: randomUUID(),
        kind: job.kind,
        name,
        state: 'waiting',
        phase: phaseOf(job),
        fraction: null,
      },
    }
    this.#items.push(item)
    this.#changed()
    this.#next()
    return item.task
  }

  /**
   * Carries out a command. Once `pause` or `cancel` has resolved, the task writes nothing more.
   * Throws `bad-request` if the task does not exist.
   */
  async command(id: string, command: 'pause' | 'resume' | 'cancel' | 'clear'): Promise<void> {
    const item = this.#items.find(({ task }) => task.id === id)
    if (item === undefined) throw fail('bad-request/no-task')
    if (command === 'resume') return this.#resume(item)
    if (command === 'clear' && item.task.state !== 'done') throw fail('bad-request/task-unfinished')
    await this.#pause(item)
    if (command === 'pause') return
    this.#items = this.#items.filter((one) => one !== item)
    this.#gone.add(id)
    this.#changed()
    if (command === 'cancel' && item.task.state !== 'done') await this.#work.discard(item.job)
  }

  /** Stops all work; partial results stay, so that it can be resumed. */
  async close(): Promise<void> {
    await Promise.all(this.#items.map((item) => this.#pause(item)))
    this.#save({ leave: true })
  }

  async #pause(item: Item): Promise<void> {
    const { task } = item
    if (task.state !== 'waiting' && task.state !== 'running') return item.ended
    task.state = 'paused'
    delete task.bytesPerSecond
    item.abort?.abort()
    await item.ended
    this.#changed()
    this.#next()
  }

  #resume(item: Item): void {
    if (item.task.state !== 'paused' && item.task.state !== 'failed') return
    item.task.state = 'waiting'
    delete item.task.error
    this.#changed()
    this.#next()
  }

  #next(): void {
    for (const item of this.#items) {
      const busy = this.#items.some(
        (other) => other.ended !== undefined && other.job.kind === item.job.kind,
      )
      if (item.task.state === 'waiting' && !busy) this.#run(item)
    }
  }

  #run(item: Item): void {
    const { task, job } = item
    item.abort = new AbortController()
    task.state = 'running'
    delete task.notices
    item.ended = this.#work
      .run(job, {
        signal: item.abort.signal,
        onProgress: (progress) => this.#progress(item, progress),
        onNotice: (notice) => (task.notices = [...(task.notices ?? []), notice]),
      })
      .then(
        (made) => {
          task.state = 'done'
          task.fraction = 1
          if (made !== undefined) task.file = made
        },
        (error: unknown) => {
          // A pause has already set the state.
          if (task.state !== 'running') return
          task.error = runError(toBraidError(error))
          task.state = 'failed'
        },
      )
      .finally(() => {
        delete task.bytesPerSecond
        item.ended = undefined
        item.from = undefined
        this.#changed()
        this.#next()
      })
    this.#changed()
  }

  #progress(item: Item, { phase, fraction, done, total }: Progress): void {
    const { task } = item
    const now = Date.now()
    if (done !== undefined && phase === 'download') {
      // The rate is a mean over the last seconds.
      item.from ??= { at: now, done }
      if (now - item.from.at >= 1000) {
        const speed = (1000 * (done - item.from.done)) / (now - item.from.at)
        task.bytesPerSecond = Math.round(
          task.bytesPerSecond === undefined ? speed : 0.6 * task.bytesPerSecond + 0.4 * speed,
        )
        item.from = { at: now, done }
      }
    } else delete task.bytesPerSecond
    Object.assign(task, { phase, fraction, done, total })
    this.#onChange(this.list())
  }

  #changed(): void {
    this.#save()
    this.#onChange(this.list())
  }

  /**
   * Writes the tasks into the list and keeps those of other programs. Takes over tasks whose program
   * has ended; with `leave`, leaves all to the next program instead.
   */
  #save({ leave = false } = {}): void {
    if (leave && !existsSync(this.#file)) return
    try {
      makeFolder(dirname(this.#file))
      WriteLock.during(`${this.#file}.lock`, 'the list of tasks', () => {
        const stored = read(this.#file)
        const own = new Set([...this.#items.map(({ task }) => task.id), ...this.#gone])
        const rest = stored.filter(({ id }) => !own.has(id))
        const others = leave ? rest : rest.filter(isOwned)
        if (!leave) this.#items.unshift(...rest.filter((one) => !isOwned(one)).map(itemOf))
        const mine = this.#items.filter(isKept).map((item) => storedOf(item, !leave))
        const next = [...others, ...mine]
        if (JSON.stringify(next) !== JSON.stringify(stored))
          writeAtomic(this.#file, JSON.stringify(next, null, 1) + '\n')
      })
    } catch {
      // The disk is full: the list is lost when the program ends, but the files are not.
    }
  }
}

const isOwned = ({ owner }: Stored[number]): boolean =>
  owner !== undefined && stateOf(owner) !== 'dead'

const isKept = ({ task, job }: Item): boolean => task.state !== 'done' && job.kind !== 'backend'

const storedOf = (
  { task: { id, name, state, error }, job }: Item,
  owned: boolean,
): Stored[number] => ({
  id,
  name,
  job,
  state,
  ...(error !== undefined && { error }),
  ...(owned && { owner: ownName() }),
})

/** A task of a program that has ended: it works no more, so it is paused. */
const itemOf = ({ id, name, job, state, error }: Stored[number]): Item => ({
  job,
  task: {
    id,
    kind: job.kind,
    name,
    phase: phaseOf(job),
    fraction: null,
    state: state === 'failed' ? 'failed' : 'paused',
    ...(error !== undefined && { error }),
  },
})

const phaseOf = (job: Job): Task['phase'] => (job.kind === 'convert' ? 'convert' : 'download')

/** Reads the list. A damaged one is kept beside it. */
function read(file: string): Stored {
  let text: string
  try {
    text = readText(file, MAX_OWN_FILE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  try {
    return Stored.parse(JSON.parse(text))
  } catch {
    renameSync(file, `${file}.damaged`)
    return []
  }
}
