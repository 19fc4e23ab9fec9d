import { randomUUID } from 'node:crypto'
import { toBraidError, type ErrorCode } from '../../protocol/errors.ts'
import { discardFiles, getFiles, type GetOptions, type WantedFile } from './get.ts'
import type { Net } from './net.ts'

export type JobState = 'waiting' | 'downloading' | 'paused' | 'done' | 'failed'
export interface Job {
  readonly id: string
  readonly name: string
  readonly folder: string
  readonly files: readonly WantedFile[]
  state: JobState
  /** Bytes; `total` null where the server does not say. */
  done: number
  total: number | null
  error?: { code: ErrorCode; message: string }
  /** Paths, once done. */
  paths?: string[]
}
export type QueueOptions = Omit<GetOptions, 'signal' | 'onProgress'> & { /** Models at once. */ concurrent?: number; onChange?: (job: Job) => void }

/** Downloads in turn. A paused or failed one keeps what it has and goes on with `resume`. */
export class DownloadQueue {
  readonly #net: Net
  readonly #options: QueueOptions
  readonly #jobs = new Map<string, Job>()
  readonly #running = new Map<string, { abort: AbortController; ended: Promise<void> }>()

  constructor(net: Net, options: QueueOptions = {}) {
    this.#net = net
    this.#options = options
  }

  list(): readonly Job[] { return [...this.#jobs.values()] }

  add(name: string, folder: string, files: readonly WantedFile[]): Job {
    const job: Job = { id: randomUUID(), name, folder, files, state: 'waiting', done: 0, total: null }
    this.#jobs.set(job.id, job)
    this.#changed(job)
    this.#next()
    return job
  }

  /** Resolves when nothing of it is written any more. */
  async pause(id: string): Promise<void> {
    const job = this.#jobs.get(id)
    if (!job || (job.state !== 'waiting' && job.state !== 'downloading')) return
    job.state = 'paused'
    const running = this.#running.get(id)
    running?.abort.abort()
    await running?.ended
    this.#changed(job)
    this.#next()
  }

  resume(id: string): void {
    const job = this.#jobs.get(id)
    if (!job || (job.state !== 'paused' && job.state !== 'failed')) return
    job.state = 'waiting'
    delete job.error
    this.#changed(job)
    this.#next()
  }

  /** Takes it off the list, and its unfinished files off the disk. */
  async remove(id: string): Promise<void> {
    const job = this.#jobs.get(id)
    if (!job) return
    await this.pause(id)
    this.#jobs.delete(id)
    if (job.state !== 'done') await discardFiles(job.folder, job.files)
  }

  /** Ends all work; what is there stays for another time. */
  async close(): Promise<void> {
    await Promise.all(this.list().map(({ id }) => this.pause(id)))
  }

  #next(): void {
    for (const job of this.#jobs.values()) {
      if (this.#running.size >= (this.#options.concurrent ?? 1)) return
      if (job.state === 'waiting' && !this.#running.has(job.id)) this.#run(job)
    }
  }

  #run(job: Job): void {
    const abort = new AbortController()
    job.state = 'downloading'
    this.#changed(job)
    const work = getFiles(this.#net, job.folder, job.files, {
      ...this.#options, signal: abort.signal,
      onProgress: ({ done, total }) => { job.done = done; job.total = total; this.#changed(job) },
    })
    const ended = work.then((paths) => { job.paths = paths; job.state = 'done' }, (error: unknown) => {
      // A pause has set the state already.
      if (job.state !== 'downloading') return
      const { code, message } = toBraidError(error)
      job.error = { code, message }
      job.state = 'failed'
    }).finally(() => {
      this.#running.delete(job.id)
      this.#changed(job)
      this.#next()
    })
    this.#running.set(job.id, { abort, ended })
  }

  #changed(job: Job): void { this.#options.onChange?.(job) }
}
