/**
 * Returns a function that runs `work` once in the next frame, however often it is called. A hidden window has no
 * frames; there `work` runs twice per second.
 */
export function frameTask(work: () => void): () => void {
  let waiting = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let frame = 0
  const fire = () => {
    if (!waiting) return
    waiting = false
    clearTimeout(timer)
    cancelAnimationFrame(frame)
    work()
  }
  return () => {
    if (waiting) return
    waiting = true
    frame = requestAnimationFrame(fire)
    timer = setTimeout(fire, 500)
  }
}
