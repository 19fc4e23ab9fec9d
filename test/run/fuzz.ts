import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { rootOf, sharedTokens } from '../../engine/kv/index.ts'
import { loadAddon } from '../../engine/native/load.ts'
import type { Job } from '../../engine/protocol/agreement.ts'
import { BraidError } from '../../engine/protocol/errors.ts'
import type { RunCommand, RunEvent } from '../../engine/protocol/events.ts'
import {
  allSegments,
  applyEvent,
  EMPTY_RUN,
  foldRun,
  isAtWork,
  isOpen,
  segmentOf,
  type RunState,
  type Segment,
} from '../../engine/protocol/fold.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { pathId, type SegmentId } from '../../engine/protocol/segments.ts'
import { Engine, type RunHandle } from '../../engine/run/index.ts'
import {
  check,
  describe,
  differing,
  idsOf,
  plain,
  reflected,
  same,
  type Accepted,
} from './fuzz-checks.ts'
import {
  count,
  Dice,
  EXACT,
  FAILURES,
  FUZZ_MODELS,
  randomCommand,
  randomRequest,
} from '../support/random-runs.ts'
import { isChild } from '../../engine/protocol/forks.ts'
import { planTokens } from '../support/forking-model.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

/**
 * Random runs that get random commands at random moments, against the real engine. What a run is asked for follows from
 * the seed and the run's number; what a moment meets depends on the machine. A fault is an error that names the run.
 */

export interface FuzzOptions {
  seed: number
  runs: number
  /** The first run's number: an interrupted campaign continues from there. */
  from?: number
  onRun?: (run: number) => void
}

export interface FuzzResult {
  runs: number
  events: number
  /** Accepted commands by type, and refused ones by type and code. */
  commands: Map<string, number>
  /** How runs ended. */
  ends: Map<string, number>
}

/** Milliseconds without an event after which a run is taken to hang. */
const DEADLINE = 60_000
/** The same run is asked for again after every PROBE runs. */
const PROBE = 12
/** Commands after which a comparison is not awaited. */
const DISMISSES: RunCommand['type'][] = ['cancel', 'stop-all']
/** How many runs work at once, in one pool where their models and settings agree. */
const AT_ONCE = 4

export async function fuzzCommands({
  seed,
  runs,
  from = 0,
  onRun,
}: FuzzOptions): Promise<FuzzResult> {
  const files = FUZZ_MODELS.map((options) => writeTiny(tinyModel({ shape: 'qwen2', ...options })))
  const engine = new Engine({
    addon: loadAddon({ gpu: false }),
    version: 'fuzz',
    jobs: AT_ONCE,
    runPrograms,
  })
  const rejections: unknown[] = []
  const note = (reason: unknown) => void rejections.push(reason)
  process.on('unhandledRejection', note)
  const result: FuzzResult = { runs: 0, events: 0, commands: new Map(), ends: new Map() }
  try {
    const before = await probe(engine, files[0]!)
    for (let first = from; first < from + runs; first += AT_ONCE) {
      const group = Array.from(
        { length: Math.min(AT_ONCE, from + runs - first) },
        (_, i) => first + i,
      )
      const ends = await Promise.allSettled(
        group.map(async (run) => {
          try {
            await new Fuzzed(engine, files, Dice.of(seed, run), result).go()
            if (rejections.length > 0)
              throw new Error(`unhandled rejection: ${String(rejections[0])}`)
          } catch (error) {
            throw new Error(`seed ${seed}, run ${run}: ${(error as Error).message}`, {
              cause: error,
            })
          }
          result.runs++
          onRun?.(run)
        }),
      )
      for (const end of ends) if (end.status === 'rejected') throw end.reason
      if (first % PROBE === 0 && (await probe(engine, files[0]!)) !== before)
        throw new Error(`seed ${seed}, run ${first}: the engine gives other tokens than before`)
    }
  } finally {
    process.off('unhandledRejection', note)
    await engine.close().catch(note)
    for (const file of files) rmSync(dirname(file), { recursive: true })
  }
  return result
}

/** Returns something for every call after a moment, as a sandbox would: the same for equal programs. */
async function runPrograms({ program, calls, inputs = [] }: Job, signal: AbortSignal) {
  await new Promise((resolve) => setTimeout(resolve, program.length % 7))
  if (signal.aborted) throw new BraidError('cancelled', 'Cancelled.')
  return [...calls, ...inputs].map((call) => ({
    value: String((program.length + call.length) % 3),
  }))
}

/** Programs that paths begin with, in tokens of one byte. */
const PROGRAMS = ['return a', 'return a + 0', 'return 1'].map((body) => [
  ...Buffer.from(`\`\`\`python\ndef f(a):\n    ${body}\n\`\`\`\nf(1), f(22)\n`),
])

/** Returns the tokens of a run that is always the same. */
async function probe(engine: Engine, model: string): Promise<string> {
  const settings = { paths: 3, budget: 24, summaryBudget: 8, seed: 7, engine: EXACT }
  const run = watch(engine.think({ problem: 'the answer', model, settings }))
  await run.over()
  const ids = allSegments(run.live).map((one) => idsOf(one))
  await run.close()
  return JSON.stringify(ids)
}

interface Watch {
  handle: RunHandle
  events: RunEvent[]
  readonly live: RunState
  /** Resolves when the run is over and idle. */
  over(): Promise<void>
  close(): Promise<void>
}

function watch(handle: RunHandle, before: readonly RunEvent[] = []): Watch {
  const events = [...before]
  const read = (async () => {
    for await (const event of handle.events) events.push(event)
  })()
  return {
    handle,
    events,
    get live() {
      return handle.state
    },
    over: () =>
      until(
        () => !isAtWork(handle.state),
        () => `it never ends: ${describe(handle.state)}`,
      ),
    async close() {
      await handle.close()
      await read
    },
  }
}

/** Describes an event in one line. */
const short = (event: RunEvent, i: number): string => {
  const { type, at, ...rest } = event
  const told = type === 'tokens' ? [event.segment, event.tokens.length] : rest
  return `${i} ${at} ${type} ${JSON.stringify(told).slice(0, 160)}`
}

async function until(done: () => boolean, why: () => string): Promise<void> {
  const end = performance.now() + DEADLINE
  while (!done()) {
    if (performance.now() > end) throw new Error(why())
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

class Fuzzed {
  readonly #engine: Engine
  readonly #files: readonly string[]
  readonly #dice: Dice
  readonly #result: FuzzResult
  #accepted: Accepted[] = []
  /** What was done, for the report of a fault. */
  readonly #told: string[] = []

  constructor(engine: Engine, files: readonly string[], dice: Dice, result: FuzzResult) {
    this.#engine = engine
    this.#files = files
    this.#dice = dice
    this.#result = result
  }

  async go(): Promise<void> {
    const request = randomRequest(this.#dice, this.#files)
    const given = this.#given(request)
    let run = watch(this.#engine.think(request, { given }))
    let beside: Watch | null = null
    try {
      for (let left = this.#dice.int(8); left > 0; left--) {
        await this.#moment(run)
        if (this.#dice.chance(0.12)) run = await this.#takenUp(run)
        else if (this.#dice.chance(0.08))
          beside ??= watch(this.#engine.think(randomRequest(this.#dice, this.#files)))
        else await this.#send(run)
      }
      const closes = this.#dice.chance(0.1)
      await this.#compared(run)
      if (closes) await run.close()
      await run.over()
      await beside?.over()
      await until(
        () => run.events.length >= run.live.events,
        () => 'events are lost on their way',
      )
      this.#check(run)
      if (given.size === 0) await this.#checkTokens(run, request.model!)
      for (const role of new Set(run.live.others.map((one) => one.role)))
        count(this.#result.ends, role === 'judge' ? 'judged' : 'probed')
      if (run.live.agreement !== null) count(this.#result.ends, 'compared')
      if (run.live.paths.some(isChild)) count(this.#result.ends, 'forked')
    } catch (error) {
      const told = [JSON.stringify(request.settings), ...this.#told, ...run.events.map(short)]
      throw new Error(`${(error as Error).message}\n${told.join('\n')}`, { cause: error })
    } finally {
      await beside?.close()
      await run.close()
    }
    check(run.events)
    count(
      this.#result.ends,
      `${run.live.status} ${run.live.endReason ?? run.live.error?.code ?? ''}`,
    )
    this.#result.events += run.events.length
  }

  /** Returns a plan for a model that forks, or programs that the paths of some requests, which then ask for code, begin with. */
  #given({ model, settings }: RunRequest): Map<SegmentId, number[]> {
    const { chance, of, int } = this.#dice
    if (model === this.#files.at(-1) && chance(0.7)) {
      settings.strategy = 'fork-join'
      settings.budget = 60 + int(200)
      return new Map([[pathId(1), planTokens()]])
    }
    if (settings.engine!.context !== 0 || chance(0.6)) return new Map()
    settings.question = of(['code', 'code', 'auto'])
    settings.runPrograms = chance(0.9)
    settings.budget = Math.max(4, settings.budget!)
    return new Map(Array.from({ length: 12 }, (_, i) => [pathId(i + 1), of(PROGRAMS)]))
  }

  /** Waits: not at all, for some events, for a short time, or for the end of the run. */
  async #moment(run: Watch): Promise<void> {
    const stopped = () => !isAtWork(run.live)
    if (this.#dice.chance(0.8))
      await until(
        () => run.live.paths.some(({ tokens }) => tokens.length > 0) || stopped(),
        () => `it never begins: ${describe(run.live)}`,
      )
    const kind = this.#dice.int(4)
    if (kind === 1) {
      const events = run.live.events + 1 + this.#dice.int(12)
      await until(
        () => run.live.events >= events || stopped(),
        () => `nothing happens: ${describe(run.live)}`,
      )
    }
    if (kind === 2) await new Promise((resolve) => setTimeout(resolve, this.#dice.int(25)))
    if (kind === 3) await run.over()
  }

  /** A run that has ended stays so while it compares its programs: waits until it has done that. */
  async #compared(run: Watch): Promise<void> {
    const told = (from: number) =>
      run.events
        .slice(from)
        .some(({ type }) => type === 'agreement' || type === 'run-failed' || type === 'run-ended')
    const at = this.#accepted.findLastIndex(({ command }) => command.type === 'compare')
    const later = this.#accepted.slice(at)
    if (at < 0 || later.some(({ command }) => DISMISSES.includes(command.type))) return
    await until(
      () => told(later[0]!.events),
      () => `it never compares: ${describe(run.live)}`,
    )
  }

  /** Resumes the run from its events: all of them, or those that a crash left. */
  async #takenUp(run: Watch): Promise<Watch> {
    await this.#compared(run)
    await run.close()
    this.#check(run)
    const begun = run.events.findIndex(({ type }) => type === 'run-started') + 1
    if (begun === 0) return run
    const all = run.events.length
    const length = this.#dice.chance(0.5) ? all : begun + this.#dice.int(all - begun + 1)
    const events = run.events
      .slice(0, length)
      .map((event) => JSON.parse(JSON.stringify(event)) as RunEvent)
    this.#accepted = []
    this.#told.push(`taken up after ${events.length} of ${all} events`)
    return watch(this.#engine.resume(events), events)
  }

  async #send(run: Watch): Promise<void> {
    const command = randomCommand(this.#dice, run.live)
    const { events } = run.live
    try {
      const result = await run.handle.command(command)
      this.#accepted.push({ command, result, events })
      this.#told.push(`${events}: ${JSON.stringify(command)}`)
      count(this.#result.commands, command.type)
    } catch (error) {
      const { code, message, detail } = error as Partial<BraidError>
      this.#told.push(`${events}: ${JSON.stringify(command)} refused: ${code}`)
      // A refusal is a rule of Braid's that has words; what native code refuses has none.
      if (code === undefined || detail === undefined)
        throw new Error(`${JSON.stringify(command)}: ${message}`)
      count(this.#result.commands, `${command.type}: ${code}`)
    }
  }

  #check({ events, live }: Watch): void {
    check(events)
    for (const folded of [foldRun(events), events.reduce(applyEvent, EMPTY_RUN)])
      if (live.status !== 'interrupted' && !isDeepStrictEqual(plain(folded), plain(live)))
        throw new Error(
          `the transcript does not fold to the live state: ${differing(folded, live)}`,
        )
    const open = allSegments(live).filter(isOpen)
    if (open.length > 0 || live.status === 'running')
      throw new Error(`something stays open: ${describe(live)}`)
    if (live.error !== null && !FAILURES.includes(live.error.code))
      throw new Error(`it failed with ${JSON.stringify(live.error)}`)
    for (const [i, accepted] of this.#accepted.entries()) {
      const dismissed = this.#accepted
        .slice(i + 1)
        .some(({ command: { type } }) => type === 'cancel' || type === 'stop-all')
      reflected(accepted, dismissed, live, events.slice(accepted.events))
    }
  }

  /** Checks that every token of a path, or of a summary over cells, has the logprob of a score from scratch. */
  async #checkTokens({ events, live }: Watch, model: string): Promise<void> {
    const prompt = [...live.promptTokens]
    if (prompt.length === 0 || live.paths.length === 0) return
    const options = { model, engine: { ...EXACT, context: 0 }, budget: live.settings!.budget }
    const given = (path: Segment) => ({ thought: path.thought, tokens: idsOf(path) })
    const begins = (path: Segment) => rootOf(live.paths, path).reads.length === 0
    const fromPrompt = live.paths.filter(begins)
    const { paths } = await this.#engine.score({ prompt, paths: fromPrompt.map(given) }, options)
    for (const [i, path] of fromPrompt.entries()) same(path, paths[i]!)
    // A score gives its summary no thought row, and reads paths that begin at the prompt.
    const joined = live.paths.filter(({ reads, thought }) => reads.length > 0 && thought === 0)
    const readers = [...joined, ...live.summaries, ...live.others].filter(({ fusion, reads }) => {
      const read = reads.map((segment) => segmentOf(live, segment))
      return fusion === 'cache' && read.every((path) => path !== undefined && begins(path))
    })
    for (const summary of readers) {
      const start = events.findIndex(
        (event) => event.type === 'segment-started' && event.segment === summary.segment,
      )
      const then = foldRun(events.slice(0, start))
      const paths = summary.reads.map((segment) => segmentOf(then, segment)!)
      const inTurn = turnsOf(summary, prompt.length)
      if (inTurn !== null) {
        const { keep, separators, whole } = inTurn
        if (!whole) continue // a score takes no parts of paths
        const [closing, ...before] = separators.reverse()
        const scored = await this.#engine.score(
          {
            layout: 'consecutive',
            prompt,
            keep,
            separators: before.reverse(),
            paths: paths.map(given),
            summary: [...closing!, ...idsOf(summary)],
          },
          options,
        )
        same(summary, scored.summary.slice(closing!.length))
        continue
      }
      // Cells that a branch shares with its parent are read once but scored twice.
      const share = paths.some((a, i) =>
        paths.some((b, k) => k < i && sharedTokens(then.paths, a, b) > 0),
      )
      if (share) continue
      const read = paths.map(given)
      const scored = await this.#engine.score(
        { prompt, paths: read, summary: idsOf(summary) },
        options,
      )
      same(summary, scored.summary)
    }
  }
}

/** Returns what a summary with the layout `consecutive` reads besides its paths; null for others. */
function turnsOf({ source }: Segment, prompt: number) {
  if (source.type !== 'join' || source.layout !== 'consecutive') return null
  const { parts } = source
  return {
    keep: (parts.find((part) => 'prompt' in part)?.to as number | undefined) ?? prompt,
    separators: parts.flatMap((part) => ('tokens' in part ? [part.tokens as number[]] : [])),
    whole: parts.every((part) => !('segment' in part) || part.from === undefined),
  }
}
