/**
 * QuickJS, compiled to WebAssembly: JavaScript without any object of the host but the three functions that driver.js is
 * given. Each job has an instance of the module to itself, and each step a context.
 */
import variant from '@jitl/quickjs-wasmfile-release-sync'
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
  type SuccessOrFail,
} from 'quickjs-emscripten-core'
import { transform, type Transform } from 'sucrase'
import type { Reason } from '../../protocol/programs.ts'
import { Clock } from './clock.ts'
import { because } from './reason.ts'
import type { Outcome } from '../job.ts'
import type { Report, Work } from './work.ts'

/** Bytes of stack: less than the 5 MB that the module has. */
const STACK_BYTES = 4 << 20
/** A thread whose interpreter took more than this is replaced. */
const REUSED_BYTES = 32 << 20

/** What a browser or Node has and QuickJS lacks. A program that names one of them abstains. */
const LACKS =
  /^'?(fetch|XMLHttpRequest|WebSocket|document|window|self|navigator|localStorage|Worker|Deno|Bun|Intl|structuredClone|TextEncoder|TextDecoder|URL|URLSearchParams|Buffer|crypto|btoa|atob|AbortController|alert|prompt|__dirname|__filename|global)'? is not defined/
/** The program needs what the interpreter lacks, named by the message. */
class Lacks extends Error {}

/** Sucrase leaves them out. */
const NAMESPACE = /^[ \t]*(?:export[ \t]+)?(?:namespace|module)[ \t]+[\w.$]+[ \t]*\{/m
const NO_MODULE = /^could not load module '(.*)'$/

export class JavaScript {
  readonly #module: WebAssembly.Module
  readonly #driver: string

  constructor(module: WebAssembly.Module, driver: string) {
    this.#module = module
    this.#driver = driver
  }

  /**
   * Runs the steps from `work.from` on. `next` is the step after the last one that ran; `fresh`: the thread must be
   * replaced, since it holds much memory.
   */
  async run(work: Work, report: Report): Promise<{ next: number; fresh: boolean }> {
    const steps = work.calls.length + work.inputs.length
    const clock = new Clock(work.ms)
    let program: string
    try {
      program = plain(work)
    } catch (error) {
      const outcome: Outcome =
        error instanceof Lacks
          ? { abstained: because('lacks', error.message) }
          : { error: `SyntaxError: ${String((error as Error).message).slice(0, 300)}` }
      for (let step = work.from; step < steps; step++) report({ type: 'outcome', step, outcome })
      return { next: steps, fresh: false }
    }
    const quickjs: QuickJSWASMModule = await newQuickJSWASMModuleFromVariant(
      newVariant(variant, { wasmModule: this.#module }),
    )
    const runtime = quickjs.newRuntime({
      memoryLimitBytes: work.memoryBytes,
      maxStackSizeBytes: STACK_BYTES,
    })
    for (let step = work.from; step < steps; step++) {
      report({ type: 'begin', step })
      clock.begin()
      let outcome: Outcome
      let crashed = false
      try {
        outcome = new Step(runtime, clock, work, program, this.#driver).run(step)
      } catch {
        outcome = { error: because('crash') }
        crashed = true
      }
      clock.end()
      report({ type: 'outcome', step, outcome })
      if (crashed) return { next: step + 1, fresh: true }
    }
    return { next: steps, fresh: quickjs.getWasmMemory().buffer.byteLength > REUSED_BYTES }
  }
}

/** Turns `import` and `export` into what a script can do, and removes types. Throws if it cannot. */
function plain({ language, program }: Work): string {
  if (language === 'typescript' && NAMESPACE.test(program)) throw new Lacks('TypeScript namespaces')
  const transforms: Transform[] = language === 'typescript' ? ['typescript'] : []
  if (/^[ \t]*(import|export)\b/m.test(program)) transforms.push('imports')
  return strip(program, transforms)
}

const strip = (code: string, transforms: Transform[]): string =>
  transforms.length === 0 ? code : transform(code, { transforms, disableESTransforms: true }).code

/** Returns a call in brackets, where an object literal is not taken for a block, and without types. */
function expression(call: string, { language }: Work): string {
  try {
    return strip(`(${call}\n)`, language === 'typescript' ? ['typescript'] : [])
  } catch {
    return `(${call}\n)`
  }
}

/** Reads a reason that driver.js tells as its code, a space and a name. */
function reasonIn(told: string): Reason {
  const [code, ...name] = told.split(' ')
  return { code: code!, ...(name.length > 0 && { name: name.join(' ') }) }
}

/** One call or input, in its own context. */
class Step {
  readonly #context: QuickJSContext
  readonly #runtime: QuickJSRuntime
  readonly #work: Work
  readonly #program: string
  readonly #driver: string
  readonly #clock: Clock
  readonly #handles: QuickJSHandle[] = []
  #printed = ''
  #flooded = false
  #tools: QuickJSHandle

  constructor(runtime: QuickJSRuntime, clock: Clock, work: Work, program: string, driver: string) {
    this.#runtime = runtime
    this.#context = runtime.newContext()
    this.#tools = this.#context.undefined
    this.#work = work
    this.#program = program
    this.#driver = driver
    this.#clock = clock
  }

  run(step: number): Outcome {
    this.#runtime.setInterruptHandler(() => this.#flooded || this.#clock.alarm())
    const outcome = this.#run(step)
    // Running out of memory or of time may leave objects behind: then only the module's end frees them.
    for (const handle of this.#handles.reverse()) if (handle.alive) handle.dispose()
    this.#context.dispose()
    return this.#flooded
      ? { error: because('prints', String(this.#work.outputBytes / 1024)) }
      : outcome
  }

  #run(step: number): Outcome {
    const { calls, inputs } = this.#work
    const call = calls[step]
    this.#load(call === undefined ? inputs[step - calls.length]! : '')
    const waits = this.#waits()
    if (waits && call !== undefined) return { abstained: because('lacks', 'top-level await') }
    const program = waits ? `(async () => {${this.#program}\n})()` : this.#program
    const loaded = this.#evaluate(program, 'program.js')
    if ('outcome' in loaded) return loaded.outcome
    if (call === undefined) {
      const ended = waits ? this.#settled(loaded.value) : undefined
      if (ended !== undefined && 'outcome' in ended) return ended.outcome
      return this.#drain() ?? { printed: this.#printed }
    }
    const called = this.#evaluateCall(expression(call, this.#work))
    if ('outcome' in called) return called.outcome
    const settled = this.#settled(called.value)
    if ('outcome' in settled) return settled.outcome
    const text = this.#call('text', settled.value)
    if ('outcome' in text) return text.outcome
    const value = this.#context.getString(text.value)
    if (value !== 'undefined') return { value }
    const changed = this.#call('changed')
    if ('outcome' in changed) return changed.outcome
    if (this.#context.typeof(changed.value) === 'string')
      return { changed: this.#context.getString(changed.value) }
    return this.#printed === '' ? { value } : { printed: this.#printed }
  }

  /** Returns whether the program waits outside of functions, which only a module can. */
  #waits(): boolean {
    if (!/\bawait\b/.test(this.#program)) return false
    const script = this.#context.evalCode(this.#program, 'program.js', {
      type: 'global',
      compileOnly: true,
    })
    if (!script.error) {
      script.value.dispose()
      return false
    }
    script.error.dispose()
    return true
  }

  /** Evaluates a call in brackets; a call of one of the program's functions by name is watched. */
  #evaluateCall(code: string): { value: QuickJSHandle } | { outcome: Outcome } {
    const name = /^\(([\p{L}_$][\p{L}\p{N}_$]*)\(/u.exec(code)?.[1]
    if (name === undefined) return this.#evaluate(code, 'call.js')
    const [named, wrapped] = [name, `(function (${name}) { return ${code} })`].map((part) => {
      const result = this.#context.evalCode(part, 'call.js', { type: 'global' })
      return this.#own(result.error ?? result.value)
    }) as [QuickJSHandle, QuickJSHandle]
    const both = [named, wrapped].every((handle) => this.#context.typeof(handle) === 'function')
    if (!both) return this.#evaluate(code, 'call.js')
    const watched = this.#call('watch', named)
    if ('outcome' in watched) return watched
    const { undefined: none } = this.#context
    return this.#result(this.#context.callFunction(wrapped, none, watched.value))
  }

  /** Returns what a value comes to once promises and timers have run. */
  #settled(value: QuickJSHandle): { value: QuickJSHandle } | { outcome: Outcome } {
    const failed = this.#drain()
    if (failed !== undefined) return { outcome: failed }
    const state = this.#context.getPromiseState(value)
    if (state.type === 'pending') return { outcome: { error: because('unsettled') } }
    if (state.type === 'rejected') return { outcome: this.#failure(this.#own(state.error)) }
    return { value: state.notAPromise === true ? value : this.#own(state.value) }
  }

  /** Evaluates driver.js, which offers `text`, `watch`, `changed`, `tick`, `missing`, `returns` and `exits`. */
  #load(input: string): void {
    const context = this.#context
    const print = context.newFunction('print', (part) => {
      this.#printed += context.getString(part!)
      if (this.#printed.length <= this.#work.outputBytes) return
      this.#flooded = true
      this.#printed = ''
    })
    const now = context.newFunction('now', () => context.newNumber(this.#clock.date()))
    const driver = this.#own(context.unwrapResult(context.evalCode(this.#driver, 'driver.js')))
    const given = [print, now, context.newString(input)].map((handle) => this.#own(handle))
    this.#tools = this.#own(
      context.unwrapResult(context.callFunction(driver, context.undefined, ...given)),
    )
  }

  #own(handle: QuickJSHandle): QuickJSHandle {
    this.#handles.push(handle)
    return handle
  }

  #evaluate(code: string, name: string): { value: QuickJSHandle } | { outcome: Outcome } {
    return this.#result(this.#context.evalCode(code, name, { type: 'global' }))
  }

  /** Calls one of the driver's functions. */
  #call(tool: string, ...given: QuickJSHandle[]): { value: QuickJSHandle } | { outcome: Outcome } {
    const { undefined: none } = this.#context
    const what = this.#own(this.#context.getProp(this.#tools, tool))
    return this.#result(this.#context.callFunction(what, none, ...given))
  }

  #result(
    result: SuccessOrFail<QuickJSHandle, QuickJSHandle>,
  ): { value: QuickJSHandle } | { outcome: Outcome } {
    if (result.error) return { outcome: this.#failure(this.#own(result.error)) }
    return { value: this.#own(result.value) }
  }

  /** Runs promises and timers until none is left. Returns why that failed, if it did. */
  #drain(): Outcome | undefined {
    for (;;) {
      const jobs = this.#runtime.executePendingJobs()
      if (jobs.error) return this.#failure(this.#own(jobs.error))
      const tick = this.#call('tick')
      if ('outcome' in tick) return tick.outcome
      if (this.#context.dump(tick.value) !== true) return undefined
    }
  }

  /** Returns what an exception means. */
  #failure(error: QuickJSHandle): Outcome {
    const context = this.#context
    const string = (handle: QuickJSHandle): string | undefined =>
      context.typeof(handle) === 'string' ? context.getString(handle).slice(0, 300) : undefined
    const property = (name: string) =>
      context.typeof(error) === 'object'
        ? string(this.#own(context.getProp(error, name)))
        : undefined
    const name = property('name') ?? 'Error'
    const message = property('message') ?? string(error) ?? ''
    if (name === 'InternalError' && message === 'interrupted') return { error: because('slow') }
    const ask = (tool: string, ...given: QuickJSHandle[]) => {
      const what = this.#own(context.getProp(this.#tools, tool))
      const told = context.callFunction(what, context.undefined, ...given)
      return told.error ? void told.error.dispose() : string(this.#own(told.value))
    }
    const missing = ask('missing')
    if (missing !== undefined) return { abstained: reasonIn(missing) }
    const returned = ask('returns', error)
    if (returned !== undefined) return { error: reasonIn(returned) }
    const exit = ask('exits', error)
    if (exit !== undefined)
      return exit === '' ? { printed: this.#printed } : { error: because('exits', exit) }
    const lacks = name === 'ReferenceError' ? LACKS.exec(message)?.[1] : undefined
    if (lacks !== undefined) return { abstained: because('lacks', lacks) }
    const module = NO_MODULE.exec(message)?.[1]
    if (module !== undefined) return { abstained: because('lacks-module', module) }
    return { error: `${name}: ${message}` }
  }
}
