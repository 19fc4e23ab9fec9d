import { because } from '../protocol/agreement.ts'
import { BraidError } from '../protocol/errors.ts'
import { Child } from './child.ts'
import { PATIENCE } from './child/clock.ts'
import { sandboxFolder } from './files.ts'
import { LIMITS, MAX_STEPS, MAX_TEXT, type Job, type Limits, type Outcome } from './job.ts'

/** Milliseconds that the child has beyond a job's limit: it ends a program by itself, and starts another thread. */
const GRACE_MS = 3_000
/** Milliseconds without a job after which the child is ended: it holds about 250 MB. */
const IDLE_MS = 60_000

/**
 * Runs programs that a model wrote, one job after another, in a child process that starts with the first job and stays for
 * a minute for the next ones. A child that does anything odd is killed and replaced. docs/sandbox.md says what is guaranteed.
 */
export class Sandbox {
  readonly #folder: () => Promise<string>
  readonly #limits: Limits
  #child: Promise<Child> | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #next = 0
  #idle: NodeJS.Timeout | undefined
  #closed = false

  /** `folder`: where the child's files are; tests give others. */
  constructor(limits: Partial<Limits> = {}, folder: () => Promise<string> = sandboxFolder) {
    this.#limits = { ...LIMITS, ...limits }
    this.#folder = folder
  }

  /** Starts the child, so that the first job does not wait for it. Never throws: `run` will. */
  async warm(): Promise<void> {
    await this.#started().catch(() => undefined)
  }

  /** The child's process id; undefined if none is running. */
  async pid(): Promise<number | undefined> {
    return (await this.#child?.catch(() => undefined))?.pid
  }

  /**
   * Runs a job. Returns one outcome per call, then one per input, whatever the program does. Throws `cancelled`, and
   * `internal` if the child cannot be started.
   */
  run(job: Job, signal: AbortSignal): Promise<Outcome[]> {
    const result = this.#queue.then(() => this.#run(job, signal))
    this.#queue = result.catch(() => undefined)
    return result
  }

  async close(): Promise<void> {
    this.#closed = true
    const child = await this.#child?.catch(() => undefined)
    child?.kill('it was closed')
    await this.#queue
    await child?.ended
  }

  async #run(
    { language, program, calls, inputs = [] }: Job,
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    this.#check(signal)
    const count = calls.length + inputs.length
    if (count > MAX_STEPS)
      throw new BraidError(
        'internal',
        `A job has ${count} calls; at most ${MAX_STEPS} are possible.`,
      )
    if ([program, ...calls, ...inputs].some((text) => text.length > MAX_TEXT))
      return Array.from({ length: count }, () => ({
        abstained: because('too-long'),
      }))
    if (count === 0) return []
    const child = await this.#started()
    this.#check(signal)
    const id = this.#next++
    const outcomes: Outcome[] = []
    const lost = await new Promise<string | undefined>((resolve) => {
      const cancel = () => child.kill('it was cancelled')
      const timer = setTimeout(
        () => child.kill('it did not answer'),
        this.#limits.ms * PATIENCE + GRACE_MS,
      )
      const settle = (why: string | undefined) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', cancel)
        child.rest()
        child.onReply = () => child.kill('it wrote without being asked')
        child.onLost = () => this.#drop()
        this.#rest(child)
        resolve(why)
      }
      child.onLost = (why) => {
        settle(why)
        this.#drop()
      }
      child.onReply = (reply) => {
        if ('ready' in reply || reply.id !== id) return child.kill('it answered another job')
        if ('step' in reply) {
          if (reply.step !== outcomes.length || reply.step >= count)
            return child.kill('it answered out of turn')
          outcomes.push(reply.outcome)
        } else if (outcomes.length === count) settle(undefined)
        else child.kill('it left out an answer')
      }
      signal.addEventListener('abort', cancel, { once: true })
      clearTimeout(this.#idle)
      child.watch()
      child.send({ id, language, program, calls, inputs, ...this.#limits })
    })
    this.#check(signal)
    const missing = { error: because('ended', lost) }
    return Array.from({ length: count }, (_, step) => outcomes[step] ?? missing)
  }

  #check(signal: AbortSignal): void {
    if (this.#closed || signal.aborted) throw new BraidError('cancelled', 'Cancelled.')
  }

  #drop(): void {
    clearTimeout(this.#idle)
    this.#child = undefined
  }

  /** Ends the child if no job comes for a while. */
  #rest(child: Child): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => child.kill('it had nothing to do'), IDLE_MS).unref()
  }

  #started(): Promise<Child> {
    if (this.#closed) return Promise.reject(new BraidError('cancelled', 'Cancelled.'))
    this.#child ??= this.#folder()
      .then((folder) => Child.start(folder))
      .then((child) => {
        child.onReply = () => child.kill('it wrote without being asked')
        child.onLost = () => this.#drop()
        if (this.#closed) child.kill('it was closed')
        else this.#rest(child)
        return child
      })
      .catch((error: unknown) => {
        this.#drop()
        if (error instanceof BraidError) throw error
        throw new BraidError('internal', error instanceof Error ? error.message : String(error))
      })
    return this.#child
  }
}
