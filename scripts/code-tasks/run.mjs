/** What run.py does, for JavaScript. */
import { readFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { inspect, isDeepStrictEqual } from 'node:util'
import { runInThisContext } from 'node:vm'

const TIMEOUT = 2_000
const { program, calls, results } = JSON.parse(readFileSync(0, 'utf8'))
globalThis.require = createRequire(import.meta.url)
for (const name of ['log', 'error', 'warn', 'info', 'assert', 'table']) console[name] = () => {}

const evaluate = (source, call) =>
  runInThisContext(`(() => {\n${source}\n;return (${call})\n})()`, { timeout: TIMEOUT })

calls.forEach((call, i) => {
  let outcome
  try {
    const value = evaluate(program, call)
    outcome =
      results === undefined
        ? { value: inspect(value, { depth: 60, maxArrayLength: null, breakLength: Infinity }) }
        : isDeepStrictEqual(value, evaluate('', results[i]))
  } catch (error) {
    outcome = results === undefined ? { error: String(error?.name ?? error) } : false
  }
  writeSync(3, `${JSON.stringify(outcome)}\n`)
})
process.exit(0)
