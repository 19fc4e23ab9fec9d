import type { FormatRequest, FormatResult } from './worker.ts'

/** Milliseconds after which a text stays plain and its worker is terminated. */
const LIMIT_MS = 5000
/**
 * Number of recently formatted texts that are kept, so that a text that is scrolled out and back in is not formatted
 * twice.
 */
const CACHE_SIZE = 600

interface Task extends FormatRequest {
  tell: (result: FormatResult) => void
}

const cache = new Map<string, FormatResult>()
const keyOf = ({ text, mark, marks, info, formula }: FormatRequest) =>
  `${formula === true ? '$' : ''}${mark === null ? '' : mark.join('-')}${marks === undefined ? '' : `+${marks.join('+')}`}:${info === undefined ? '' : `${info}\n`}:${text}`
const waiting: Task[] = []
let worker: Worker | null = null
let current: { task: Task; timer: ReturnType<typeof setTimeout> } | null = null

/**
 * Starts the worker that formats model text, so that a slow text does not block the window. Called with the window, so
 * that the first text does not wait.
 */
export function startFormatter(): Worker {
  if (worker !== null) return worker
  const started = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  // A late message from a terminated worker answers another text.
  started.onmessage = ({ data }: MessageEvent<FormatResult>) => {
    if (started === worker) finish(data)
  }
  started.onerror = () => {
    if (started === worker) giveUp()
  }
  return (worker = started)
}

/** Returns the formatted text, null if it stays plain, or undefined if it is not formatted yet. */
export const formatted = (request: FormatRequest): FormatResult | undefined =>
  cache.get(keyOf(request))

/**
 * Formats a text, newest request first, and calls back with the result. Returns a function that withdraws the request.
 */
export function format(request: FormatRequest, tell: (result: FormatResult) => void): () => void {
  const task = { ...request, tell }
  waiting.push(task)
  next()
  return () => {
    const at = waiting.indexOf(task)
    if (at >= 0) waiting.splice(at, 1)
    task.tell = () => undefined
  }
}

function next(): void {
  if (current !== null) return
  const task = waiting.pop()
  if (task === undefined) return
  const known = formatted(task) // another request was for the same text
  if (known !== undefined) {
    task.tell(known)
    return next()
  }
  current = { task, timer: setTimeout(giveUp, LIMIT_MS) }
  const { tell: _, ...request } = task
  startFormatter().postMessage(request satisfies FormatRequest)
}

function finish(result: FormatResult): void {
  if (current === null) return
  const { task, timer } = current
  current = null
  clearTimeout(timer)
  const key = keyOf(task)
  cache.delete(key)
  cache.set(key, result)
  if (cache.size > CACHE_SIZE) cache.delete(cache.keys().next().value!)
  task.tell(result)
  next()
}

/** Replaces a worker that hangs or has ended. Its text stays plain. */
function giveUp(): void {
  worker?.terminate()
  worker = null
  finish(null)
}
