import type { Mark } from './tree.ts'
import type { FormatRequest, FormatResult } from './worker.ts'

/** Milliseconds after which a text stays plain, and its worker is given up. */
const LIMIT_MS = 5000
/** Formatted texts, the most recent ones: one scrolled out and in again is not formatted twice. */
const CACHE_SIZE = 600

interface Task extends FormatRequest {
  tell: (result: FormatResult) => void
}

const cache = new Map<string, FormatResult>()
const keyOf = (text: string, mark: Mark | null) =>
  mark === null ? text : `${mark[0]}:${mark[1]}:${text}`
const waiting: Task[] = []
let worker: Worker | null = null
let current: { task: Task; timer: ReturnType<typeof setTimeout> } | null = null

/** Model text is formatted in a worker: however long a text takes, the window stays free. Started with the window, so that the first text need not wait. */
export function startFormatter(): Worker {
  if (worker !== null) return worker
  const started = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
  // One that was given up may have answered meanwhile: that is the answer to another text.
  started.onmessage = ({ data }: MessageEvent<FormatResult>) => {
    if (started === worker) finish(data)
  }
  started.onerror = () => {
    if (started === worker) giveUp()
  }
  return (worker = started)
}

/** undefined: not formatted yet; null: it stays plain. */
export const formatted = (text: string, mark: Mark | null): FormatResult | undefined =>
  cache.get(keyOf(text, mark))

/** Has a text formatted, the newest asked for first, and tells the result; what comes back takes the wish back. */
export function format(
  text: string,
  mark: Mark | null,
  tell: (result: FormatResult) => void,
): () => void {
  const task = { text, mark, tell }
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
  const known = formatted(task.text, task.mark) // others asked for the same
  if (known !== undefined) {
    task.tell(known)
    return next()
  }
  current = { task, timer: setTimeout(giveUp, LIMIT_MS) }
  startFormatter().postMessage({ text: task.text, mark: task.mark } satisfies FormatRequest)
}

function finish(result: FormatResult): void {
  if (current === null) return
  const { task, timer } = current
  current = null
  clearTimeout(timer)
  const key = keyOf(task.text, task.mark)
  cache.delete(key)
  cache.set(key, result)
  if (cache.size > CACHE_SIZE) cache.delete(cache.keys().next().value!)
  task.tell(result)
  next()
}

/** It hangs or ended: its text stays plain, and the next one gets another worker. */
function giveUp(): void {
  worker?.terminate()
  worker = null
  finish(null)
}
