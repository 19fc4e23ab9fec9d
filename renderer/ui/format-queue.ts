/** Formatting waits for idle time, a few milliseconds at once, so that the live text never stutters for it. */
const SLICE_MS = 4
const queue = new Set<() => void>()
let scheduled = false

function run(): void {
  scheduled = false
  const until = performance.now() + SLICE_MS
  for (const task of queue) {
    queue.delete(task)
    task()
    if (performance.now() >= until) break
  }
  if (queue.size > 0) schedule()
}

function schedule(): void {
  if (scheduled) return
  scheduled = true
  requestIdleCallback(run, { timeout: 400 })
}

/** Runs `task` soon; the result takes it back. */
export function whenIdle(task: () => void): () => void {
  queue.add(task)
  schedule()
  return () => queue.delete(task)
}
