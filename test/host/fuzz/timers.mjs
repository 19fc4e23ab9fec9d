/**
 * Loaded into the host's process before its own code (`NODE_OPTIONS=--import`): counts the timers that are set and not
 * yet over, with the place that set each, and reports them to the parent that asks. `process.getActiveResourcesInfo`
 * leaves out timers that do not keep the process alive, and watchdogs do not.
 */
import { promisify } from 'node:util'

const timers = new Map()

/** Returns the first file of Braid's engine on the stack, without its line. */
function place() {
  const lines = (new Error().stack ?? '').split('\n').slice(3)
  return lines.map((line) => /engine\/[\w/-]+/.exec(line)?.[0]).find(Boolean) ?? 'elsewhere'
}

for (const name of ['setTimeout', 'setInterval']) {
  const original = globalThis[name]
  const counted = (work, ms, ...args) => {
    const timer = original(
      (...given) => {
        if (name === 'setTimeout') timers.delete(timer)
        return work(...given)
      },
      ms,
      ...args,
    )
    timers.set(timer, { place: place(), ms, repeats: name === 'setInterval' })
    return timer
  }
  counted[promisify.custom] = original[promisify.custom]
  globalThis[name] = counted
}
for (const name of ['clearTimeout', 'clearInterval']) {
  const original = globalThis[name]
  globalThis[name] = (timer) => {
    timers.delete(timer)
    return original(timer)
  }
}

// Node keeps messages until someone listens: the host is to be the first.
process.on('newListener', function follow(name) {
  if (name !== 'message') return
  process.off('newListener', follow)
  process.on('message', (message) => {
    if (message?.type !== 'inspect') return
    process.send({ type: 'inspected', timers: [...timers.values()] })
  })
})
