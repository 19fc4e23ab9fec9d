/* eslint-disable @typescript-eslint/no-unused-expressions, eqeqeq */
// Runs inside the JavaScript interpreter, once per call or input and before the program. It makes what programs expect
// of Node (`console`, `process.stdin`, `require('fs').readFileSync(0)`, timers), and turns values into text.
// A program can change all of it, and so its own outcomes and nothing else.
//
// Equal values give equal text. Objects, Maps and Sets are compared without order, arrays and typed arrays with it.
// NaN equals NaN and 0 equals -0; `undefined`, `null`, `1`, `1n`, `true` and `'1'` all differ. An object of a class has
// the class's name. Fractions are written in full: who compares the texts (results.ts) allows for their last digits.
// What could be told apart only by its identity has no text, and the call abstains.
;(function (print, now, input) {
  const MAX_TEXT = 65536
  const MAX_ITEMS = 10000
  const MAX_DEPTH = 60
  // This many items count of an iterator that yields more than the above.
  const ENDLESS = 200

  const { isArray } = Array
  const { keys, getPrototypeOf } = Object
  const { stringify } = JSON
  const { abs } = Math
  const { isSafeInteger } = Number
  const { apply } = Reflect
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
    // Beyond the safe integers, numbers are not exact: written so that they do not look whole.
    return isSafeInteger(x) || abs(x) < 1 || abs(x) === Infinity || x % 1 !== 0
      ? '' + x
      : x.toExponential()
  }

  /** Orders texts of values: numbers first, by value, since their last digits may differ. */
  const inOrder = (a, b) => {
    const [x, y] = [+a, +b]
    if (x === x && y === y) return x - y
    return x === x ? -1 : y === y ? 1 : a < b ? -1 : a > b ? 1 : 0
  }

  function text(value) {
    let left = MAX_TEXT
    const inside = []
    const take = (part) => {
      left -= part.length
      if (left < 0) incomparable('returns-long')
      return part
    }
    const collect = (items, texts) => {
      for (const item of items) {
        if (texts.length === MAX_ITEMS) incomparable('returns-items ' + MAX_ITEMS)
        texts.push(of(item))
        take(', ')
      }
    }
    const row = (opening, items, closing, ordered) => {
      const texts = []
      collect(items, texts)
      return opening + (ordered ? texts : texts.sort(inOrder)).join(', ') + closing
    }
    const yielded = (items) => {
      const [texts, before] = [[], left]
      try {
        collect(items, texts)
      } catch (error) {
        if (texts.length < ENDLESS || !(error instanceof Incomparable)) throw error
        texts.splice(ENDLESS, Infinity, '...')
        left = before - texts.join('').length
      }
      return 'iterator[' + texts.join(', ') + ']'
    }
    const pairs = (opening, entries) => {
      const texts = []
      for (const [key, item] of entries) {
        texts.push([key, key + ': ' + of(item)])
        take(key + ': , ')
      }
      texts.sort(([a], [b]) => inOrder(a, b))
      return opening + texts.map(([, whole]) => whole).join(', ') + '}'
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
      if (value instanceof Error)
        return take('Error(' + stringify(value.name + ': ' + value.message) + ')')
      if (value instanceof Promise) lack('returns-promise')
      if (value instanceof Number || value instanceof String || value instanceof Boolean)
        return of(value.valueOf())
      if (typeof value.next === 'function' && typeof value[Symbol.iterator] === 'function')
        return yielded(value)
      const isPlain = name === undefined || name === null || prototype === Object.prototype
      const names = keys(value)
      if (!isPlain && names.length === 0) lack('returns-object ' + name)
      return pairs(
        isPlain ? '{' : name + '{',
        names.map((key) => [stringify(key), value[key]]),
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
      if (typeof value === 'symbol') lack('returns-symbol')
      if (typeof value !== 'object') lack('returns-function')
      if (inside.includes(value) || inside.length > MAX_DEPTH) incomparable('returns-deep')
      inside.push(value)
      const result = nested(value)
      inside.pop()
      return result
    }
    return of(value)
  }

  // How a function changes its arguments

  const calls = []
  const holds = (value) =>
    isArray(value) ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof typedArray ||
    (value !== null && typeof value === 'object' && getPrototypeOf(value) === Object.prototype)
  const watch = (act) =>
    function (...given) {
      calls.push({ given, before: given.map((value) => holds(value) && text(value)) })
      return apply(act, this, given)
    }
  /** Returns the text of the changed argument; of several or a later one, by place. undefined: none was. */
  const changed = () => {
    if (calls.length !== 1) return undefined
    const [{ given, before }] = calls
    const places = keys(given).filter((i) => before[i] !== false && text(given[i]) !== before[i])
    if (places.length === 0) return undefined
    if (places.length === 1 && places[0] === '0') return text(given[0])
    return text(new Map(places.map((i) => [+i + 1, given[i]]))).slice('Map'.length)
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
      fd: 0,
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
  /** `promised`: questions return promises, as those of readline/promises do. */
  const readline = (promised) => {
    const questions = lines()
    const self = {
      on(event, act) {
        if (event === 'line' && input !== '') lines().forEach((line) => setTimeout(act, 0, line))
        else if (event === 'close') setTimeout(act, 1)
        return self
      },
      question(prompt, ...rest) {
        print('' + prompt)
        const line = questions.shift() || ''
        if (promised) return Promise.resolve(line)
        const act = rest[rest.length - 1]
        setTimeout(act, 0, line)
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
  const promises = { createInterface: () => readline(true) }
  const modules = {
    __proto__: null,
    fs: {
      readFileSync: (file) => (isStdin(file) ? input : lack('lacks-files')),
      writeSync: (file, part) => (file === 1 ? write(part) : lack('lacks-files')),
    },
    readline: { createInterface: () => readline(false), promises: promises },
    'readline/promises': promises,
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
    watch,
    changed,
    tick,
    missing: () => missing,
    returns: (error) => (error instanceof Incomparable ? error.message : undefined),
    exits: (error) => (error instanceof Exit ? error.message : undefined),
  }
})
