import { BraidError, fail } from '../../engine/protocol/errors.ts'
import {
  numberOf,
  runError,
  type CommandResult,
  type RunCommand,
  type RunEvent,
  type SegmentId,
} from '../../engine/protocol/events.ts'
import { applyEvent, foldRun, isAtWork, type RunState } from '../../engine/protocol/fold.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import type { HostEngine } from '../../engine/host/engine.ts'
import type { Attribution } from '../../engine/protocol/wire.ts'
import type { AttributeOptions } from '../../engine/measure/attribution.ts'
import type { RunHandle, ThinkOptions } from '../../engine/run/handle.ts'
import { readModelInfo } from '../../engine/models/info.ts'

/** A run whose events a test writes one by one. */
export class ScriptedRun implements RunHandle {
  readonly commands: RunCommand[] = []
  /** Closing waits for this. */
  held: Promise<void> = Promise.resolve()
  /** What the next command answers. */
  answer: CommandResult = {}
  state: RunState
  readonly #queue: RunEvent[] = []
  #wake: (() => void) | undefined
  #closed = false
  readonly events = this.#read()

  constructor(
    readonly id: string,
    readonly options: ThinkOptions,
    readonly request?: RunRequest,
    readonly resumed?: RunEvent[],
  ) {
    this.state = foldRun(resumed ?? [], { live: false })
  }

  emit(...events: RunEvent[]): void {
    this.state = events.reduce(applyEvent, this.state)
    this.#queue.push(...events)
    this.#wake?.()
  }

  async command(command: RunCommand): Promise<CommandResult> {
    if (command.type === 'stop' && numberOf(command.segment) > 100)
      throw fail('no-such-path/missing', { path: numberOf(command.segment) })
    if ((command.type === 'cancel' || command.type === 'stop-all') && !isAtWork(this.state))
      throw fail('not-running/stop')
    this.commands.push(command)
    return this.answer
  }

  async close(): Promise<void> {
    await this.held
    this.#closed = true
    this.#wake?.()
  }

  get closed(): boolean {
    return this.#closed
  }

  async *#read(): AsyncGenerator<RunEvent, void, undefined> {
    try {
      for (;;) {
        while (this.#queue.length > 0) yield this.#queue.shift()!
        if (this.#closed) return
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      this.#closed = true
    }
  }
}

/** Replaces the native engine in tests of the host: its runs are what the test writes. */
export class ScriptedEngine implements HostEngine {
  readonly runs: ScriptedRun[] = []
  /** Requests that the test has not answered yet. */
  readonly attributions: {
    events: RunEvent[]
    segment: SegmentId
    resolve(result: Attribution): void
    reject(error: Error): void
    onProgress(fraction: number): void
    signal: AbortSignal
  }[] = []
  closed = false
  /** What the host said last about running programs. */
  programsAllowed: boolean | undefined

  think(request: RunRequest, options: ThinkOptions): ScriptedRun {
    return this.#add(new ScriptedRun(options.id!, options, request))
  }

  resume(events: RunEvent[], options: ThinkOptions = {}): ScriptedRun {
    return this.#add(new ScriptedRun(options.id!, options, undefined, events))
  }

  get last(): ScriptedRun {
    return this.runs.at(-1)!
  }

  attribute(
    events: RunEvent[],
    segment: SegmentId,
    { signal, onProgress }: AttributeOptions = {},
  ): Promise<Attribution> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new BraidError('cancelled', 'Cancelled.')))
      this.attributions.push({
        events,
        segment,
        resolve,
        reject,
        onProgress: onProgress!,
        signal: signal!,
      })
    })
  }

  ready() {
    return Promise.resolve()
  }

  fetchBackend() {
    return Promise.resolve(runError(fail('unknown-device/probe-none')))
  }

  most() {
    return Promise.resolve(4)
  }

  loaded() {
    return []
  }

  onMemory() {}

  onLost() {}

  workers() {
    return Promise.resolve([])
  }

  pairWorker(worker: string) {
    return Promise.resolve({ worker, devices: [] })
  }

  forgetWorker() {}

  setKey(server: string) {
    return server
  }

  serverModels() {
    return Promise.resolve([])
  }

  allowPrograms(allowed: boolean) {
    this.programsAllowed = allowed
  }

  load() {
    return Promise.resolve()
  }

  unload() {
    return Promise.resolve()
  }

  devices() {
    return Promise.resolve({
      cpu: 'test',
      backends: [],
      devices: [
        {
          name: 'CPU',
          description: 'A processor',
          backend: 'CPU',
          type: 'cpu' as const,
          memoryFree: 1,
          memoryTotal: 2,
        },
      ],
    })
  }

  modelInfo(file: string) {
    return readModelInfo(file)
  }

  fit() {
    return Promise.resolve({
      weights: 1,
      kv: 1,
      compute: 1,
      total: 3,
      free: 9,
      verdict: 'fits' as const,
      cells: 5,
      devices: [],
      kvByType: { f32: 4, f16: 2, q8_0: 1, q4_0: 1 },
    })
  }

  count(_: string, texts: readonly string[]) {
    return Promise.resolve(texts.map((text) => Math.ceil(text.length / 4)))
  }

  version() {
    return { version: '0.0.0', llama: 'test' }
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  #add(run: ScriptedRun): ScriptedRun {
    this.runs.push(run)
    return run
  }
}
