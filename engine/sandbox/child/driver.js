/* eslint-disable @typescript-eslint/no-unused-expressions, eqeqeq */
// Runs inside the JavaScript interpreter, once per call or input and before the program. It makes what programs expect
// of Node (`console`, `process.stdin`, `require('fs').readFileSync(0)`, timers), and turns values into text.
// A program can change all of it, and so its own outcomes and nothing else.
//
// Equal values give equal text. Objects, Maps and Sets are compared without order, arrays and typed arrays with it.
// Floats are rounded to nine significant digits, numbers within 1e-9 of an integer are that integer, NaN equals NaN and
// 0 equals -0; `undefined`, `null`, `1`, `1n`, `true` and `'1'` all differ. An object of a class has the class's name.
;(function (print, now, input) {
  const MAX_TEXT = 65536
  const MAX_ITEMS = 10000
  const MAX_DEPTH = 60

  const { isArray } = Array
  const { keys, getPrototypeOf } = Object
  const { stringify } = JSON
  const { round, abs } = Math
  const typedArray = getPrototypeOf(Uint8Array)

  // Reasons are told as their code (wording.ts), a space and a name.

  /** What the program asked for and did not get. */
  let missing
  const lack = (reason) => {
    missing = missing || reason
    throw new Error('The sandbox cannot do this: ' + reason)
  }
  class Incomparable extends Error {}
  const incomparable = (reason) => {
    throw new Incomparable(reason)
  }

  // Values as text

  const number = (x) => {
    if (x !== x) return 'NaN'
    if (abs(x) === Infinity) return x > 0 ? 'Infinity' : '-Infinity'
    if (abs(x) < 1e-12) return '0'
    const whole = round(x)
    if (abs(x - whole) <= 1e-9 * abs(x)) return BigInt(whole) + ''
    return +x.toPrecision(9) + ''
  }

  function text(value) {
    let left = MAX_TEXT
    const inside = []
    const take = (part) => {
      left -= part.length
      if (left < 0) incomparable('returns-long')
      return part
    }
    const row = (opening, items, closing, ordered) => {
      const texts = []
      for (const item of items) {
        if (texts.length === MAX_ITEMS) incomparable('returns-items ' + MAX_ITEMS)
        texts.push(of(item))
        take(', ')
      }
      return opening + (ordered ? texts : texts.sort()).join(', ') + closing
    }
    const pairs = (opening, entries) => {
      const texts = []
      for (const [key, item] of entries) {
        texts.push(key + ': ' + of(item))
        take(key + ': , ')
      }
      return opening + texts.sort().join(', ') + '}'
    }
    const nested = (value) => {
      const prototype = getPrototypeOf(value)
      const name = prototype && prototype.constructor && prototype.constructor.name
      if (isArray(value)) return row('[', value, ']', true)
      if (value instanceof typedArray) return row(name + '[', value, ']', true)
      if (value instanceof ArrayBuffer) return row('ArrayBuffer[', new Uint8Array(value), ']', true)
      if (value instanceof Map)
        return pairs(
          'Map{',
          [...value].map(([key, item]) => [of(key), item]),
        )
      if (value instanceof Set) return row('Set{', value, '}', false)
      if (value instanceof RealDate) return take('Date(' + +value + ')')
      if (value instanceof RegExp) return take('' + value)
      if (value instanceof Error) return take('Error(' + value.name + ': ' + value.message + ')')
      if (value instanceof Promise) incomparable('returns-promise')
      if (value instanceof Number || value instanceof String || value instanceof Boolean)
        return of(value.valueOf())
      if (typeof value.next === 'function' && typeof value[Symbol.iterator] === 'function')
        return row('iterator[', value, ']', true)
      return pairs(
        name === undefined || name === null || prototype === Object.prototype ? '{' : name + '{',
        keys(value).map((key) => [stringify(key), value[key]]),
      )
    }
    const of = (value) => {
      if (value === null || value === undefined || typeof value === 'boolean')
        return take('' + value)
      if (typeof value === 'number') return take(number(value))
      if (typeof value === 'bigint') return take(value + 'n')
      if (typeof value === 'string') {
        if (value.length > MAX_TEXT) incomparable('returns-long')
        return take(stringify(value))
      }
      if (typeof value === 'symbol') incomparable('returns-symbol')
      if (typeof value !== 'object') incomparable('returns-function')
      if (inside.includes(value) || inside.length > MAX_DEPTH) incomparable('returns-deep')
      inside.push(value)
      const result = nested(value)
      inside.pop()
      return result
    }
    return of(value)
  }

  // What is printed

  const shown = (value, depth) => {
    if (typeof value === 'string') return depth === 0 ? value : "'" + value + "'"
    if (typeof value === 'bigint') return value + 'n'
    if (typeof value === 'function') return '[Function: ' + value.name + ']'
    if (typeof value === 'symbol') return value.toString()
    if (value === null || typeof value !== 'object') return Object.is(value, -0) ? '-0' : '' + value
    if (depth > 3) return isArray(value) ? '[Array]' : '[Object]'
    if (value instanceof Error) return value.name + ': ' + value.message
    if (value instanceof RealDate) return value.toISOString()
    if (value instanceof RegExp) return '' + value
    const inner = (one) => shown(one, depth + 1)
    const wrap = (opening, parts, closing) =>
      parts.length === 0 ? opening + closing : opening + ' ' + parts.join(', ') + ' ' + closing
    if (isArray(value)) return wrap('[', value.map(inner), ']')
    if (value instanceof Set) return wrap('Set(' + value.size + ') {', [...value].map(inner), '}')
    if (value instanceof Map)
      return wrap(
        'Map(' + value.size + ') {',
        [...value].map(([key, item]) => inner(key) + ' => ' + inner(item)),
        '}',
      )
    return wrap(
      '{',
      keys(value).map((key) => key + ': ' + inner(value[key])),
      '}',
    )
  }
  const log = (...values) => print(values.map((value) => shown(value, 0)).join(' ') + '\n')
  const quiet = () => {}
  globalThis.console = {
    log,
    info: log,
    debug: log,
    error: quiet,
    warn: quiet,
    trace: quiet,
    table: log,
  }

  // Time and chance, the same on every run

  const RealDate = Date
  globalThis.Date = class Date extends RealDate {
    constructor(...parts) {
      if (parts.length === 0) super(now())
      else super(...parts)
    }
    static now() {
      return now()
    }
  }
  const start = now()
  globalThis.performance = { now: () => now() - start }
  let seed = 0x9e3779b9
  Math.random = () => {
    seed ^= seed << 13
    seed ^= seed >>> 17
    seed ^= seed << 5
    return (seed >>> 0) / 4294967296
  }

  // Timers fire in order, without waiting

  const timers = []
  let timerCount = 0
  const addTimer = (act, ms, every, args) => {
    const at = (timers.time || 0) + Math.max(0, +ms || 0)
    const timer = { id: ++timerCount, act: () => act(...args), at, every: every ? +ms || 1 : 0 }
    timers.push(timer)
    return timer.id
  }
  const clear = (id) => {
    const index = timers.findIndex((timer) => timer.id === id)
    if (index >= 0) timers.splice(index, 1)
  }
  globalThis.setTimeout = (act, ms, ...args) => addTimer(act, ms, false, args)
  globalThis.setInterval = (act, ms, ...args) => addTimer(act, ms, true, args)
  globalThis.setImmediate = (act, ...args) => addTimer(act, 0, false, args)
  globalThis.clearTimeout = globalThis.clearInterval = globalThis.clearImmediate = clear
  globalThis.queueMicrotask = (act) => void Promise.resolve().then(act)

  /** Fires the next timer; returns whether there was one. */
  function tick() {
    const timer = timers.reduce(
      (first, one) => (first && first.at <= one.at ? first : one),
      undefined,
    )
    if (timer === undefined) return false
    timers.time = timer.at
    if (timer.every > 0) timer.at += timer.every
    else clear(timer.id)
    timer.act()
    return true
  }

  // Standard input

  const lines = () => input.replace(/\r?\n$/, '').split(/\r?\n/)
  const isStdin = (file) => file === 0 || file === '/dev/stdin'
  const stream = () => {
    const self = {
      setEncoding: () => self,
      resume: () => self,
      on(event, act) {
        if (event === 'data' && input !== '') setTimeout(act, 0, input)
        else if (event === 'end' || event === 'close') setTimeout(act, 1)
        else if (event === 'readable') setTimeout(act, 0)
        return self
      },
      read() {
        const rest = input
        input = ''
        return rest === '' ? null : rest
      },
      async *[Symbol.asyncIterator]() {
        if (input !== '') yield input
      },
    }
    self.once = self.addListener = self.on
    return self
  }
  const readline = () => {
    const questions = lines()
    const self = {
      on(event, act) {
        if (event === 'line' && input !== '') lines().forEach((line) => setTimeout(act, 0, line))
        else if (event === 'close') setTimeout(act, 1)
        return self
      },
      question(prompt, act) {
        print(prompt)
        setTimeout(act, 0, questions.shift() || '')
      },
      close: quiet,
      prompt: quiet,
      setPrompt: quiet,
      async *[Symbol.asyncIterator]() {
        if (input !== '') yield* lines()
      },
    }
    self.once = self.on
    return self
  }
  const write = (part) => (print('' + part), true)
  class Exit extends Error {}
  globalThis.process = {
    argv: ['node', 'program'],
    env: {},
    platform: 'sandbox',
    stdin: stream(),
    stdout: { write },
    stderr: { write: () => true },
    hrtime: { bigint: () => BigInt(Math.round((now() - start) * 1e6)) },
    nextTick: (act, ...args) => queueMicrotask(() => act(...args)),
    on: quiet,
    exit(code) {
      throw new Exit(code ? '' + code : '')
    },
  }
  const modules = {
    fs: {
      readFileSync: (file) => (isStdin(file) ? input : lack('lacks-files')),
      writeSync: (file, part) => (file === 1 ? write(part) : lack('lacks-files')),
    },
    readline: { createInterface: readline },
    process: globalThis.process,
    perf_hooks: { performance: globalThis.performance },
    assert: Object.assign(
      (ok, why) => {
        if (!ok) throw new Error('' + (why || 'assertion failed'))
      },
      {
        equal: (a, b) => modules.assert(a == b),
        strictEqual: (a, b) => modules.assert(Object.is(a, b)),
        deepEqual: (a, b) => modules.assert(text(a) === text(b)),
        deepStrictEqual: (a, b) => modules.assert(text(a) === text(b)),
      },
    ),
  }
  globalThis.module = { exports: {} }
  globalThis.exports = globalThis.module.exports
  globalThis.require = (name) => {
    const known = modules[('' + name).replace(/^node:/, '')]
    return known === undefined ? lack('lacks-module ' + name) : known
  }
  globalThis.require.main = undefined

  // QuickJS has no locales: its answers would differ from Node's.
  for (const kind of [Number, BigInt, RealDate])
    for (const name of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'])
      if (kind.prototype[name] !== undefined) kind.prototype[name] = () => lack('lacks-locales')

  return {
    text,
    tick,
    missing: () => missing,
    returns: (error) => (error instanceof Incomparable ? error.message : undefined),
    exits: (error) => (error instanceof Exit ? error.message : undefined),
  }
})
