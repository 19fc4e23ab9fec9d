/**
 * CPython, compiled to WebAssembly (Pyodide's build), with a host that is written here. What the interpreter can reach is
 * the list of functions in `host`: memory up to a limit, a clock, pseudo-random bytes, and four files that are
 * buffers. Every other function that the module imports refuses. No JavaScript of Pyodide's runs here.
 */
import type { ReasonCode } from '../../protocol/wording.ts'
import type { Image } from './image.ts'
import { Clock } from './clock.ts'
import { because } from './reason.ts'
import type { Outcome } from '../job.ts'
import type { Report, Work } from './work.ts'

/** Files of driver.py. */
const STDIN = 0
const STDOUT = 1
const STDERR = 2
const JOB = 10
const OUTCOMES = 11
const MARKS = 12

/** Error numbers of WASI. */
const BADF = 8
const NOSYS = 52
const SIGALRM = 14

const PAGE = 65_536
/** The text that driver.py may write per outcome, in bytes: 64 KB of value as JSON, escaped. */
const MAX_OUTCOME = 1 << 20

/** The interpreter has left the path on which it can go on: it is replaced. */
class Stopped extends Error {
  constructor(readonly outcome: Outcome) {
    super('stopped')
  }
}

/** What a program lacks that calls a refused function. */
function purpose(name: string): ReasonCode {
  if (/socket|connect|bind|listen|accept|send|recv|addr|peer|protobyname/.test(name))
    return 'lacks-network'
  if (/exit|system|kill|fork|exec/.test(name)) return 'lacks-processes'
  if (/__syscall|^fd_|path_/.test(name)) return 'lacks-files'
  return 'lacks-outside'
}

interface Exports {
  memory: WebAssembly.Memory
  __indirect_function_table: WebAssembly.Table
  __stack_pointer: WebAssembly.Global
  emscripten_stack_init(): void
  malloc(size: number): number
  PyRun_SimpleString(text: number): number
}

type Import = (...args: number[]) => number | bigint | void

export class Python {
  readonly #image: Image
  readonly #exports: Exports
  /** Where the code that starts a job stands in memory. */
  #command = 0
  #clock = new Clock(0)
  #input: Uint8Array = new Uint8Array()
  #job: Uint8Array = new Uint8Array()
  #inputs: readonly string[] = []
  #calls = 0
  #printed: Uint8Array[] = []
  #printedBytes = 0
  #outputBytes = 0
  #maxBytes = 0
  #random = 1
  /** The step that runs, and the first one without an outcome. */
  #step = 0
  #next = 0
  /** What the step asked for and did not get. */
  #refused: ReasonCode | undefined
  #report: Report = () => undefined

  constructor(module: WebAssembly.Module, image: Image) {
    this.#image = image
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
    const host = this.#host()
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module))
      if (kind === 'function') (imports[from] ??= {})[name] = host[name] ?? this.#refusal(name)
    for (const [from, name, value] of image.globals)
      (imports[from] ??= {})[name] = new WebAssembly.Global({ value: 'i32', mutable: true }, value)
    const { exports } = new WebAssembly.Instance(module, imports)
    this.#exports = exports as unknown as Exports
    this.#exports.emscripten_stack_init()
    const table = this.#exports.__indirect_function_table
    table.grow(image.tableLength - table.length)
    for (const [index, name] of image.table) table.set(index, exports[name])
  }

  /** Whether the memory is as large as at the start, so that another job can begin from the image. */
  get reusable(): boolean {
    return this.#exports.memory.buffer.byteLength === this.#image.memory.length
  }

  /** Runs the steps from `work.from` on. Returns the number of the step after the last one that ran. */
  run(work: Work, report: Report): number {
    this.#restore()
    const { program, calls, inputs, from } = work
    this.#clock = new Clock(work.ms)
    this.#inputs = inputs
    this.#calls = calls.length
    this.#outputBytes = work.outputBytes
    this.#maxBytes = this.#image.memory.length + work.memoryBytes
    this.#random = 0x9e3779b9
    this.#step = this.#next = from
    this.#report = report
    this.#job = new TextEncoder().encode(
      JSON.stringify({ program, calls, inputs: inputs.length, from }),
    )
    try {
      this.#exports.PyRun_SimpleString(this.#command)
    } catch (error) {
      this.#finish(stop(error))
    }
    const steps = calls.length + inputs.length
    // The program ended the driver.
    if (this.#next === from && from < steps) this.#finish({ error: because('crash') })
    return this.#next
  }

  #restore(): void {
    const bytes = this.#bytes()
    bytes.set(this.#image.memory)
    this.#exports.__stack_pointer.value = this.#image.stackPointer
    const command = new TextEncoder().encode('import _braid; _braid.run()\0')
    this.#command = this.#exports.malloc(command.length)
    this.#bytes().set(command, this.#command)
  }

  #bytes = (): Uint8Array => new Uint8Array(this.#exports.memory.buffer)
  #view = (): DataView => new DataView(this.#exports.memory.buffer)

  #host(): Record<string, Import> {
    const none = () => 0
    const utc = (seconds: number, at: number) => this.#utc(Number(seconds), at)
    return {
      fd_read: (file, vectors, count, done) => this.#read(file!, vectors!, count!, done!),
      fd_write: (file, vectors, count, done) => this.#write(file!, vectors!, count!, done!),
      fd_close: none,
      clock_time_get: (id, _precision, at) => {
        const ms = id === 0 ? this.#clock.date() : this.#clock.now()
        this.#view().setBigInt64(at! >>> 0, BigInt(Math.round(ms * 1e6)), true)
        return 0
      },
      emscripten_date_now: () => this.#clock.date(),
      emscripten_get_now: () => this.#clock.now(),
      _gmtime_js: utc,
      _localtime_js: utc,
      _mktime_js: (at) => this.#seconds(at!),
      _timegm_js: (at) => this.#seconds(at!),
      _tzset_js: none,
      // Without JavaScript's promises, `time.sleep` polls the clock.
      can_run_sync_js: none,
      random_get: (at, length) => this.#randomBytes(at! >>> 0, length! >>> 0),
      emscripten_resize_heap: (size) => this.#grow(size! >>> 0),
      emscripten_get_heap_max: () => this.#maxBytes,
      _PyEM_TrampolineCall_JS: (index, a, b, c) =>
        (this.#exports.__indirect_function_table.get(index! >>> 0) as Import)(a!, b!, c!),
      _Py_CheckEmscriptenSignals_Helper: () => (this.#clock.alarm() ? SIGALRM : 0),
      __syscall_getuid32_js: none,
    }
  }

  /** Returns a function that refuses. One that reports errors to C does so, and the program may go on. */
  #refusal(name: string): Import {
    const what = purpose(name)
    return () => {
      this.#refused ??= what
      if (name.startsWith('__syscall_')) return -NOSYS
      if (name.startsWith('fd_')) return NOSYS
      throw new Stopped({ abstained: because(what) })
    }
  }

  #read(file: number, vectors: number, count: number, done: number): number {
    if (file !== STDIN && file !== JOB) return BADF
    let total = 0
    for (const [at, length] of this.#vectors(vectors, count)) {
      const data = file === STDIN ? this.#input : this.#job
      const part = data.subarray(0, length)
      this.#bytes().set(part, at)
      if (file === STDIN) this.#input = data.subarray(part.length)
      else this.#job = data.subarray(part.length)
      total += part.length
    }
    this.#view().setUint32(done >>> 0, total, true)
    return 0
  }

  #write(file: number, vectors: number, count: number, done: number): number {
    if (![STDOUT, STDERR, OUTCOMES, MARKS].includes(file)) return BADF
    const parts = this.#vectors(vectors, count)
    const total = parts.reduce((sum, [, length]) => sum + length, 0)
    if (total > MAX_OUTCOME) throw new Stopped({ error: because('writes') })
    const data = new Uint8Array(total)
    let filled = 0
    for (const [at, length] of parts) {
      data.set(this.#bytes().subarray(at, at + length), filled)
      filled += length
    }
    if (file === STDOUT) this.#print(data)
    else if (file === MARKS) this.#mark(Buffer.from(data).toString('latin1'))
    else if (file === OUTCOMES) this.#tell(Buffer.from(data).toString('utf8'))
    this.#view().setUint32(done >>> 0, total, true)
    return 0
  }

  #vectors(at: number, count: number): [at: number, length: number][] {
    if (count >>> 0 > 1024) throw new Stopped({ error: because('writes') })
    const view = this.#view()
    return Array.from({ length: count >>> 0 }, (_, i) => {
      const entry = (at >>> 0) + 8 * i
      return [view.getUint32(entry, true), view.getUint32(entry + 4, true)]
    })
  }

  #print(data: Uint8Array): void {
    this.#printedBytes += data.length
    if (this.#printedBytes > this.#outputBytes)
      throw new Stopped({ error: because('prints', String(this.#outputBytes / 1024)) })
    this.#printed.push(data)
  }

  #mark(mark: string): void {
    const begun = /^begin (\d{1,6})$/.exec(mark)?.[1]
    if (begun === undefined) return this.#clock.end()
    if (Number(begun) !== this.#next) throw new Stopped({ error: because('interferes') })
    this.#step = this.#next
    this.#refused = undefined
    this.#printed = []
    this.#printedBytes = 0
    this.#input = new TextEncoder().encode(this.#inputs[this.#step - this.#calls] ?? '')
    this.#clock.begin()
    this.#report({ type: 'begin', step: this.#step })
  }

  /** Passes on an outcome that driver.py wrote. The program may have written it: it is checked again by the parent. */
  #tell(text: string): void {
    let outcome: Outcome
    try {
      outcome = JSON.parse(text) as Outcome
    } catch {
      outcome = { error: because('unreadable') }
    }
    const printed = Buffer.concat(this.#printed).toString('utf8')
    if ('printed' in outcome || ('value' in outcome && outcome.value === 'None' && printed !== ''))
      outcome = { printed }
    else if ('abstained' in outcome && (outcome.abstained as unknown) === null)
      outcome = { abstained: because(this.#refused ?? 'lacks-threads') }
    this.#finish(outcome)
  }

  /** Reports the outcome of the step that runs, once. */
  #finish(outcome: Outcome): void {
    if (this.#next > this.#step) return
    this.#next = this.#step + 1
    this.#report({ type: 'outcome', step: this.#step, outcome })
  }

  #grow(size: number): number {
    const { memory } = this.#exports
    const now = memory.buffer.byteLength
    if (size > this.#maxBytes) return 0
    // More than asked for, since each growth makes new views.
    const wanted = Math.min(this.#maxBytes, Math.max(size, now + (1 << 20)))
    memory.grow(Math.ceil((wanted - now) / PAGE))
    return 1
  }

  /** Fills in pseudo-random bytes (xorshift), the same in each job. */
  #randomBytes(at: number, length: number): number {
    const bytes = this.#bytes()
    for (let i = 0; i < length; i++) {
      this.#random ^= this.#random << 13
      this.#random ^= this.#random >>> 17
      this.#random ^= this.#random << 5
      bytes[at + i] = this.#random
    }
    return 0
  }

  /** Reads C's `struct tm`. Returns the time in seconds. */
  #seconds(at: number): bigint {
    const view = this.#view()
    const [second, minute, hour, day, month, year] = [0, 1, 2, 3, 4, 5].map((i) =>
      view.getInt32((at >>> 0) + 4 * i, true),
    )
    const ms = Date.UTC(1900 + year!, month, day, hour, minute, second)
    return BigInt(Number.isNaN(ms) ? -1 : ms / 1000)
  }

  /** Writes C's `struct tm` of a time in seconds. */
  #utc(seconds: number, at: number): void {
    const date = new Date(seconds * 1000)
    const year = date.getUTCFullYear()
    const dayOfYear = Math.floor((date.getTime() - Date.UTC(year, 0, 1)) / 86_400_000)
    const fields = [
      date.getUTCSeconds(),
      date.getUTCMinutes(),
      date.getUTCHours(),
      date.getUTCDate(),
      date.getUTCMonth(),
      year - 1900,
      date.getUTCDay(),
      dayOfYear,
      0,
      0,
    ]
    const view = this.#view()
    fields.forEach((field, i) => view.setInt32((at >>> 0) + 4 * i, field, true))
  }
}

/** Says why the interpreter stopped in the middle of a step. */
function stop(error: unknown): Outcome {
  if (error instanceof Stopped) return error.outcome
  if (error instanceof RangeError && /call stack/.test(error.message))
    return { error: because('recursion') }
  return { error: because('crash') }
}
