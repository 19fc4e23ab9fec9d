/**
 * The process that runs programs that a model wrote. It reads one job per line from its standard input and writes one
 * outcome per line. Programs run in a thread, which is ended if one of them does not stop.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Worker, isMainThread } from 'node:worker_threads'
import { bound } from './bound.ts'
import { Stopwatch, share } from './clock.ts'
import { readImage } from './image.ts'
import { because } from './reason.ts'
import { serveThread } from './thread.ts'
import type { ReasonCode } from '../../protocol/wording.ts'
import type { Outcome, Reply } from '../job.ts'
import type { FromThread, Interpreters, Work } from './work.ts'

/** Milliseconds that a thread has beyond a step's share to stop by itself. */
const GRACE_MS = 60
/** A job with less time than this left does not start another step. */
const LEAST_MS = 20
const HEAP_MB = 128
/** Deep recursion is to hit the interpreters' own limits, not the thread's. */
const STACK_MB = 16

type Request = Omit<Work, 'from'> & { id: number }

const forget = (thread: Worker): void => {
  for (const event of ['message', 'error', 'exit']) thread.removeAllListeners(event)
}

class Threads {
  readonly #interpreters: Interpreters
  /** The thread for the next job: it starts while nothing waits for it. */
  #next: Promise<Worker>

  constructor(interpreters: Interpreters) {
    this.#interpreters = interpreters
    this.#next = this.#start()
  }

  async #start(): Promise<Worker> {
    const thread = new Worker(new URL(import.meta.url), {
      workerData: this.#interpreters,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, stackSizeMb: STACK_MB },
    })
    await new Promise<void>((resolve, reject) => {
      thread.once('message', () => resolve())
      thread.once('error', reject)
    })
    forget(thread)
    return thread
  }

  started = (): Promise<unknown> => this.#next

  async run(
    work: Omit<Work, 'from'>,
    tell: (step: number, outcome: Outcome) => void,
  ): Promise<void> {
    const steps = work.calls.length + work.inputs.length
    let left = work.ms
    let from = 0
    while (from < steps && left >= LEAST_MS) {
      const thread = await this.#next
      const watch = new Stopwatch()
      const { next, fresh } = await this.#attempt(thread, { ...work, from, ms: left }, tell)
      if (fresh) {
        this.#next = thread.terminate().then(() => this.#start())
      }
      left -= watch.used()
      from = next
    }
    for (; from < steps; from++) tell(from, { error: because('no-time') })
  }

  /** Runs steps until all are done, or the thread has to be replaced. */
  #attempt(
    thread: Worker,
    work: Work,
    tell: (step: number, outcome: Outcome) => void,
  ): Promise<{ next: number; fresh: boolean }> {
    return new Promise((resolve) => {
      const job = new Stopwatch()
      let step = work.from
      let timer: NodeJS.Timeout | undefined
      const finish = (next: number, fresh: boolean) => {
        clearTimeout(timer)
        forget(thread)
        resolve({ next, fresh })
      }
      const stop = (code: ReasonCode) => {
        tell(step, { error: because(code) })
        finish(step + 1, true)
      }
      const watch = () => {
        const begun = job.used()
        const end = begun + share(work.ms - begun) + GRACE_MS
        const check = () => {
          const left = end - job.used()
          if (left <= 0) stop('slow')
          else timer = setTimeout(check, Math.max(left, 1))
        }
        clearTimeout(timer)
        timer = setTimeout(check, end - begun)
      }
      thread.on('message', (message: FromThread) => {
        if (message.type === 'begin') {
          step = message.step
          watch()
        } else if (message.type === 'outcome') {
          tell(message.step, message.outcome)
          step = message.step + 1
          watch()
        } else if (message.type === 'end') finish(message.next, message.fresh)
      })
      // Its heap is full, or the like.
      thread.on('error', () => stop('crash'))
      thread.on('exit', () => stop('crash'))
      watch()
      thread.postMessage(work)
    })
  }
}

async function serve(): Promise<void> {
  const file = (name: string) => readFileSync(new URL(name, import.meta.url))
  const threads = new Threads({
    python: await WebAssembly.compile(file('python.wasm')),
    image: readImage(file('python.image')),
    quickjs: await WebAssembly.compile(file('quickjs.wasm')),
    driver: file('driver.js').toString('utf8'),
  })
  await threads.started()
  const reply = (message: Reply) => void process.stdout.write(`${JSON.stringify(message)}\n`)
  reply({ ready: true })
  // One job at a time, in the order in which they come.
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, ...work } = JSON.parse(line) as Request
    const told = new Set<number>()
    await threads.run(work, (step, outcome) => {
      if (told.has(step)) return
      told.add(step)
      reply({ id, step, outcome: bound(outcome) })
    })
    reply({ id, done: true })
  }
  process.exit()
}

if (isMainThread) void serve()
else serveThread()
