import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { BraidError, ErrorCode } from '../../../engine/protocol/errors.ts'
import type { RunCommand, RunEvent } from '../../../engine/protocol/events.ts'
import { EMPTY_RUN, foldRun, isAtWork, type RunState } from '../../../engine/protocol/fold.ts'
import { pathId, summaryId } from '../../../engine/protocol/segments.ts'
import { digestOf } from '../../../engine/protocol/run-list.ts'
import type { Method, Params, Result, RunSummary } from '../../../engine/protocol/wire.ts'
import { check, describe, differing, plain } from '../../run/fuzz-checks.ts'
import {
  count,
  Dice,
  FUZZ_MODELS,
  randomCommand,
  randomRequest,
} from '../../support/random-runs.ts'
import { tinyModel, writeTiny } from '../../support/tiny-models.ts'
import { RealHost, type Timer } from './real-host.ts'
import { Window } from './window.ts'

/**
 * Random sequences of what two windows ask of one host at any moment, against the real host and engine. What is asked
 * follows from the seed and the sequence's number; what a moment meets depends on the machine. After each sequence, what
 * both windows show is what the transcripts say, and nothing is left at work. A fault is an error that names the sequence.
 */

export interface HostFuzzOptions {
  seed: number
  sequences: number
  /** The first sequence's number: an interrupted campaign continues from there. */
  from?: number
  onSequence?: (sequence: number) => void
}

export interface HostFuzzResult {
  sequences: number
  /** Answered requests by method, commands by type, and refusals by code. */
  requests: Map<string, number>
  /** How runs ended. */
  ends: Map<string, number>
  events: number
  /** How often the host was killed on purpose. */
  kills: number
}

/** Milliseconds after which a request without an answer, or a run without an end, is a fault. */
const DEADLINE = 90_000
/** The host is inspected, and its models are unloaded, after every CHECKPOINT sequences. */
const CHECKPOINT = 10
/** How likely the host is killed at a step. */
const KILL = 0.0006
/** Runs are shorter than those of the fuzzer of commands, since a sequence has several. */
const SHORTER = 3
/** How many runs stay for the next sequences. */
const STAY = 3
const WINDOWS = 2

/** What a host may refuse. */
const REFUSALS: ErrorCode[] = ['bad-request', 'bad-combination', 'cancelled', 'no-such-run']
/** What it may refuse in its own words; native code has other ones. */
const WORDED: ErrorCode[] = [
  'cannot-join',
  'no-such-path',
  'not-running',
  'out-of-range',
  'too-many-paths',
]

/** What a window asks for; each is chosen as often as it is listed here. */
const STEPS = [
  ...Array<'command'>(24).fill('command'),
  ...Array<'start'>(2).fill('start'),
  'follow-up',
  'attribution',
  'attribution',
  'follow',
  'follow',
  'unfollow',
  'watch',
  'leave',
  'unload',
  'delete',
  'delete',
  'restore',
  'search',
  'list',
  'export',
  'import',
  'update',
  'alternatives',
  'settings',
] as const

export async function fuzzHost(options: HostFuzzOptions): Promise<HostFuzzResult> {
  const { seed, sequences, from = 0, onSequence } = options
  const files = FUZZ_MODELS.map((model) =>
    writeTiny(tinyModel({ shape: 'qwen2', ...model, layers: 1 })),
  )
  const host = new RealHost()
  const result: HostFuzzResult = {
    sequences: 0,
    requests: new Map(),
    ends: new Map(),
    events: 0,
    kills: 0,
  }
  try {
    const campaign = new Campaign(host, files, result)
    for (let number = from; number < from + sequences; number++) {
      await campaign
        .sequence(Dice.of(seed, number), (number + 1) % CHECKPOINT === 0)
        .catch((error: unknown) => {
          const { message } = error as Error
          throw new Error(`seed ${seed}, sequence ${number}: ${message}`, { cause: error })
        })
      result.sequences++
      onSequence?.(number)
    }
  } finally {
    await host.close()
    for (const file of files) rmSync(dirname(file), { recursive: true })
  }
  return result
}

async function until(done: () => boolean | Promise<boolean>, why: () => string): Promise<void> {
  for (const end = performance.now() + DEADLINE; !(await done());) {
    if (performance.now() > end) throw new Error(why())
    await sleep(4)
  }
}
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

class Campaign {
  readonly #host: RealHost
  readonly #files: readonly string[]
  /** A model that most runs of the sequence have, so that they wait for each other. */
  #often: string[] = []
  readonly #result: HostFuzzResult
  #dice!: Dice
  #windows: Window[] = []
  /** Runs of the history that sequences may ask about. */
  #runs: string[] = []
  #pending = new Set<Promise<void>>()
  #faults: string[] = []
  /** What was asked, for the report of a fault. */
  #told: string[] = []
  /** The host's process; another one means that it has died. */
  #pid: number

  constructor(host: RealHost, files: readonly string[], result: HostFuzzResult) {
    this.#host = host
    this.#files = files
    this.#result = result
    this.#pid = host.pids.at(-1)!
  }

  async sequence(dice: Dice, checkpoint: boolean): Promise<void> {
    this.#dice = dice
    this.#told = []
    this.#often = Array<string>(4).fill(dice.of(this.#files))
    try {
      while (this.#windows.length < WINDOWS) this.#connect()
      for (let left = 1 + dice.int(3); left > 0; left--) this.#start(this.#window)
      for (let left = 6 + dice.int(18); left > 0; left--) {
        if (dice.chance(KILL)) await this.#kill()
        else this.#step()
        await this.#moment()
      }
      await this.#settle()
      await this.#check()
      if (checkpoint) await this.#checkpoint()
      await this.#clear()
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.#told.join('\n')}`, { cause: error })
    }
  }

  get #window(): Window {
    return this.#dice.of(this.#windows)
  }

  /** Returns a run, most likely a recent one. */
  get #run(): string | undefined {
    const { length } = this.#runs
    return this.#dice.chance(0.7)
      ? this.#runs.slice(-2)[this.#dice.int(Math.min(2, length))]
      : this.#runs[this.#dice.int(length)]
  }

  #connect(): void {
    const window = new Window(this.#host.connect())
    this.#windows.push(window)
    if (this.#dice.chance(0.7)) this.#ask(window, 'runs.watch', {})
    for (const run of this.#runs.slice(-2)) this.#follow(window, run)
  }

  /** Sends a request and does not wait for its answer. */
  #ask<M extends Method>(
    window: Window,
    method: M,
    params: Params<M>,
    then: (result: Result<M>) => void = () => undefined,
    as: string = method,
  ): void {
    this.#note(
      `window ${this.#windows.indexOf(window)}: ${method} ${JSON.stringify(params).slice(0, 200)}`,
    )
    this.#wait(window, as, window.call(method, params).then(then))
  }

  #wait(window: Window, as: string, answer: Promise<void>): void {
    const pending = answer
      .then(
        () => count(this.#result.requests, as),
        (error: Partial<BraidError>) => {
          const { code = 'internal', message, detail } = error
          this.#note(`  ${as} refused: ${code}: ${message}`)
          count(this.#result.requests, `${as}: ${code}`)
          const left = code === 'engine-lost' && !this.#windows.includes(window)
          const known = REFUSALS.includes(code) || (WORDED.includes(code) && detail !== undefined)
          if (!left && !known) this.#faults.push(`${as}: ${code}: ${message}`)
        },
      )
      .finally(() => this.#pending.delete(pending))
    this.#pending.add(pending)
  }

  #note(line: string): void {
    this.#told.push(`${Math.round(performance.now())} ${line}`)
  }

  #follow(window: Window, run: string): void {
    this.#note(`window ${this.#windows.indexOf(window)}: follow ${run}`)
    this.#wait(window, 'run.open', window.follow(run))
  }

  /** Returns what a window shows of a run. */
  #shown(run: string): RunState {
    for (const { runs } of this.#windows) {
      const followed = runs.get(run)
      if (followed?.opened) return followed.state
    }
    return EMPTY_RUN
  }

  #step(): void {
    const { of, int, chance } = this.#dice
    const window = this.#window
    const run = this.#run
    const kind = run === undefined ? 'start' : of(STEPS)
    switch (kind) {
      case 'start':
        return this.#start(window)
      case 'follow-up': {
        const segment = chance(0.8) ? summaryId(1) : pathId(1)
        return this.#start(window, { run: run!, segment })
      }
      case 'command':
        return this.#command(window, run!, randomCommand(this.#dice, this.#shown(run!)))
      case 'attribution': {
        const asked = { run: run!, segment: summaryId(1 + int(2)) }
        this.#ask(window, 'run.attribution', asked)
        if (chance(0.3)) this.#ask(window, 'run.attribution.cancel', asked)
        return
      }
      case 'follow':
        return this.#follow(window, run!)
      case 'unfollow':
        window.runs.delete(run!)
        return this.#ask(window, 'run.close', { run: run! })
      case 'watch':
        return this.#ask(window, 'runs.watch', {})
      case 'leave':
        this.#note(`window ${this.#windows.indexOf(window)} leaves`)
        this.#windows = this.#windows.filter((other) => other !== window)
        window.leave()
        return this.#connect()
      case 'unload':
        return this.#ask(window, 'engine.unload', { file: of(this.#files) })
      case 'delete':
        return this.#ask(window, 'runs.delete', { run: run! })
      case 'restore': {
        const deleted = this.#runs.filter((one) => this.#host.isDeleted(one))
        return this.#ask(window, 'runs.restore', { run: of([...deleted, run!]) })
      }
      case 'search':
        return this.#ask(window, 'runs.search', { query: of(['answer', 'the', 'zzz']) })
      case 'list':
        return this.#ask(window, 'runs.list', {})
      case 'export':
        return this.#ask(window, 'runs.export', {
          runs: [run!],
          format: of(['md', 'json', 'html'] as const),
        })
      case 'import':
        return this.#import(window, run!)
      case 'update':
        return this.#ask(window, 'runs.update', { run: run!, starred: chance(0.5), title: 'T' })
      case 'alternatives':
        return this.#ask(window, 'run.alternatives', {
          run: run!,
          segment: pathId(1 + int(2)),
          index: int(20),
          count: 1 + int(20),
        })
      case 'settings':
        return this.#ask(window, 'settings.set', { theme: of(['dark', 'light'] as const) })
    }
  }

  #start(window: Window, followUp?: { run: string; segment: string }): void {
    const request = randomRequest(this.#dice, [...this.#files, ...this.#often])
    const { engine, budget } = request.settings
    request.settings.budget = Math.ceil(budget! / SHORTER)
    // Runs of other contexts have pools of their own.
    if (this.#dice.chance(0.2)) request.settings.engine = { ...engine, kvType: 'f16' }
    if (this.#dice.chance(0.15)) request.settings.alone = true
    this.#ask(
      window,
      'run.start',
      { request: { ...request, ...(followUp && { followUp }) } as never },
      ({ run }) => {
        this.#runs.push(run)
        for (const one of this.#windows) if (this.#dice.chance(0.7)) this.#follow(one, run)
      },
      followUp === undefined ? 'run.start' : 'run.start, follow-up',
    )
  }

  #command(window: Window, run: string, command: RunCommand): void {
    this.#ask(window, 'run.command', { run, command }, undefined, `command ${command.type}`)
  }

  /** Imports a run as a crash leaves it. */
  #import(window: Window, run: string): void {
    let events: RunEvent[]
    try {
      events = this.#host.events(run)
    } catch {
      return // It was deleted, or has not begun.
    }
    const some = events.slice(0, 1 + this.#dice.int(events.length))
    const content = some.map((event) => JSON.stringify(event)).join('\n') + '\n'
    this.#ask(window, 'runs.import', { name: 'run.jsonl', content }, ([made]) => {
      this.#runs.push(made!.run)
      for (const one of this.#windows) if (this.#dice.chance(0.7)) this.#follow(one, made!.run)
    })
  }

  /** Waits: not at all, for some events, for a short time, or until no run that is shown is at work. */
  async #moment(): Promise<void> {
    const { int, chance } = this.#dice
    if (chance(0.4)) return
    const states = () =>
      this.#windows.flatMap(({ runs }) => [...runs.values()].map((one) => one.state))
    const quiet = () => this.#pending.size === 0 && !states().some(isAtWork)
    const shown = () => states().reduce((sum, { events }) => sum + events, 0)
    const kind = int(5)
    if (kind <= 1) {
      const wanted = shown() + 1 + int(12)
      for (let left = 40; left > 0 && shown() < wanted && !quiet(); left--) await sleep(2)
    } else if (kind <= 3) await sleep(int(25))
    else for (let left = 200; left > 0 && !quiet(); left--) await sleep(4)
  }

  async #kill(): Promise<void> {
    this.#note('the host is killed')
    const before = this.#windows
    this.#windows = []
    if (this.#dice.chance(0.5)) this.#host.kill()
    else void before[0]!.call('engine.restart', {})
    await until(
      () => before.every(({ closed }) => closed),
      () => 'a window is not told that the engine has ended',
    )
    this.#result.kills++
    // Runs that waited for their turn are lost with the process.
    this.#runs = this.#runs.filter((run) => this.#host.isStored(run) || this.#host.isDeleted(run))
    this.#pid = this.#host.pids.at(-1)!
    this.#host.troubles.length = 0
    while (this.#windows.length < WINDOWS) this.#connect()
  }

  /** Ends what is at work, or waits for its end. */
  async #settle(): Promise<void> {
    const { chance, of } = this.#dice
    const list = () => this.#windows[0]!.call('runs.list', {})
    if (chance(0.6)) {
      for (const { run } of (await list()).filter(isAtWork)) {
        this.#command(this.#window, run, { type: of(['stop-all', 'cancel'] as const) })
        if (chance(0.2))
          this.#command(this.#window, run, randomCommand(this.#dice, this.#shown(run)))
      }
    }
    await until(
      () => this.#pending.size === 0,
      () => `no answer: ${this.#windows.flatMap(({ open }) => [...open.values()]).join('; ')}`,
    )
    let left: RunSummary[] = []
    await until(
      async () => (left = (await list()).filter(isAtWork)).length === 0,
      () =>
        `at work for ever: ${left.map(({ run, status }) => `${run} ${status} ${describe(this.#shown(run))}`).join('; ')}`,
    )
  }

  async #check(): Promise<void> {
    if (this.#host.pids.at(-1) !== this.#pid || !this.#host.up)
      throw new Error(`the engine ended: ${this.#host.troubles.join('; ')}`)
    if (this.#faults.length > 0) throw new Error(this.#faults.join('; '))
    const list = await this.#windows[0]!.call('runs.list', {})
    for (const item of list) this.#checkListed(item)
    for (const run of this.#runs)
      if (!this.#host.isDeleted(run))
        await this.#checkShown(
          run,
          list.some((item) => item.run === run),
        )
    for (const window of this.#windows) {
      if (window.strange.length > 0)
        throw new Error(`not of the protocol: ${JSON.stringify(window.strange[0])}`)
      await until(
        () =>
          !(window.activity ?? []).some(isAtWork) &&
          !window.metered &&
          window.waiting.size + window.loading.size === 0,
        () => `a window shows for ever that something is at work: ${JSON.stringify(window.atWork)}`,
      )
    }
    const used = (await this.#windows[0]!.call('engine.loaded', {})).filter(({ inUse }) => inUse)
    if (used.length > 0)
      throw new Error(`models are in use: ${used.map(({ file }) => file).join(', ')}`)
    const watching = (await this.#host.timers()).filter(({ place }) => place === WATCHDOG)
    if (watching.length > 0) throw new Error(`outlives its command: ${JSON.stringify(watching)}`)
  }

  /** Checks that the history says of a run what its transcript says. */
  #checkListed(item: RunSummary): void {
    const events = this.#host.events(item.run)
    check(events)
    const digest = digestOf(foldRun(events, { live: false }), false)
    for (const [key, value] of Object.entries(digest))
      if (!isDeepStrictEqual(item[key as keyof RunSummary], value) && key !== 'durationMs')
        throw new Error(
          `${item.run}: listed with ${key} ${JSON.stringify(item[key as keyof RunSummary])}, not ${JSON.stringify(value)}`,
        )
  }

  /** Checks that each window, and a new one, shows a run as its transcript says. */
  async #checkShown(run: string, stored: boolean): Promise<void> {
    const late = new Window(this.#host.connect())
    await late.follow(run)
    const all = [...this.#windows, late]
    const events = stored ? this.#host.events(run) : late.runs.get(run)!.events
    const folded = foldRun(events, { live: false })
    this.#result.events += events.length
    for (const { runs } of all) {
      const followed = runs.get(run)
      if (followed === undefined) continue
      await until(
        () => followed.opened && followed.events.length >= events.length,
        () => `${run}: a window has ${followed.events.length} of ${events.length} events`,
      )
      if (!isDeepStrictEqual(followed.events, events))
        throw new Error(`${run}: a window was told other events than are in the transcript`)
      if (!isDeepStrictEqual(plain(followed.state), plain(folded)))
        throw new Error(
          `${run}: the live state is not the folded transcript: ${differing(followed.state, folded)}; ${describe(followed.state)}; ${describe(folded)}`,
        )
    }
    if (isAtWork(folded)) throw new Error(`${run}: ${folded.status} for ever`)
    for (const { waited } of this.#windows) if (waited.has(run)) count(this.#result.ends, 'waited')
    count(this.#result.ends, `${folded.status} ${folded.endReason ?? folded.error?.code ?? ''}`)
    late.leave()
  }

  /** Inspects the host at rest. */
  async #checkpoint(): Promise<void> {
    const [window] = this.#windows
    for (const { file } of await window!.call('engine.loaded', {}))
      await window!.call('engine.unload', { file })
    const loaded = await window!.call('engine.loaded', {})
    if (loaded.length > 0) throw new Error(`still loaded: ${JSON.stringify(loaded)}`)
    let timers: Timer[] = []
    await until(
      async () => (timers = excess(await this.#host.timers())).length === 0,
      () => `timers are left: ${JSON.stringify(timers)}`,
    )
  }

  /** Deletes all but the latest runs, so that later sequences meet some of them. */
  async #clear(): Promise<void> {
    const [window] = this.#windows
    const old = this.#runs.slice(0, -STAY)
    this.#runs = this.#runs.slice(-STAY)
    for (const run of old) {
      for (const { runs } of this.#windows) runs.delete(run)
      await window!.call('runs.delete', { run }).catch(() => undefined)
    }
    this.#runs = this.#runs.filter((run) => !this.#host.isDeleted(run))
    this.#host.emptyTrash()
  }
}

/** The file of the engine whose timers watch commands. */
const WATCHDOG = 'engine/host/watchdog'

/** How many timers a host at rest has, at most, by the file that set them. */
const AT_REST: Record<string, number> = {
  'engine/host/residency': 1,
  // Conversations get their titles when nothing else has happened for a while.
  'engine/host/titles': 1,
  // Ended runs that keep their cells have their transcripts open.
  'engine/files/lock': 5,
}

/** Returns the timers that a host at rest does not have. */
function excess(timers: readonly Timer[]): Timer[] {
  const left = { ...AT_REST }
  return timers.filter(({ place }) => (left[place] = (left[place] ?? 0) - 1) < 0)
}
