import type { RunEvent } from '../../../engine/protocol/events.ts'
import type { handle } from '../harness/main.ts'
import { openHarness, openPage } from './page.ts'

/**
 * `npm run bench:frames`. 16 paths at 100 tokens a second each, through the real store and views, grid open: main-thread work of a frame,
 * long tasks, dropped frames against an empty page in the same run; then the same with a 1 MB path being scrolled; then how
 * long a run of 200,000 tokens takes to open.
 */

interface Task { name: string; ph: string; ts: number; dur?: number; tdur?: number; tid: number; pid: number; args?: { name?: string } }
type Handle = typeof handle
interface Frames { p50: number; p95: number; cpu95: number; max: number; longTasks: number; dropped: number; frames: number }

const quantile = (values: number[], q: number): number => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0

/** Main-thread work between two frames, from a trace of the browser itself. */
async function traced(page: Awaited<ReturnType<typeof openPage>>, ms: number, work: () => Promise<unknown>): Promise<Frames> {
  const session = await page.context().newCDPSession(page)
  const events: Task[] = []
  session.on('Tracing.dataCollected', ({ value }) => { for (const one of value) events.push(one as never) })
  await session.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline', 'devtools.timeline.frame', '__metadata'] } })
  await page.evaluate(() => { (window as never as { long: number[] }).long = []; new PerformanceObserver((list) => { for (const entry of list.getEntries()) (window as never as { long: number[] }).long.push(entry.duration) }).observe({ type: 'longtask' }) })
  const ticks = page.evaluate((time) => new Promise<number[]>((resolve) => {
    const at: number[] = []
    const end = performance.now() + time
    const tick = (now: number) => { at.push(now); if (now < end) requestAnimationFrame(tick); else resolve(at) }
    requestAnimationFrame(tick)
  }), ms)
  await work()
  const at = await ticks
  const long = await page.evaluate(() => (window as never as { long: number[] }).long)
  const done = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
  await session.send('Tracing.end')
  await done
  const main = events.find((event) => event.name === 'thread_name' && event.args?.name === 'CrRendererMain' && events.some((other) => other.tid === event.tid && other.pid === event.pid && other.name === 'FireAnimationFrame'))
  const own = events.filter((event) => event.pid === main?.pid && event.tid === main.tid)
  const tasks = own.filter((event) => event.ph === 'X' && event.name === 'RunTask')
  const calls = own.filter((event) => event.name === 'FireAnimationFrame').map((event) => event.ts)
  // All callbacks of a frame run in one task: a frame begins with the task that holds them.
  const begins = tasks.filter((task) => calls.some((ts) => ts >= task.ts && ts <= task.ts + (task.dur ?? 0))).map((task) => task.ts).sort((a, b) => a - b)
  const sums = (of: (task: Task) => number): number[] => begins.slice(1).map((end, i) => tasks.reduce((sum, task) => (task.ts >= begins[i]! && task.ts < end ? sum + of(task) / 1000 : sum), 0))
  const work16 = sums((task) => task.dur ?? 0)
  const cpu = sums((task) => task.tdur ?? task.dur ?? 0)
  const gaps = at.slice(1).map((now, i) => now - at[i]!)
  const dropped = gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / (1000 / 60)) - 1), 0)
  return { p50: quantile(work16, 0.5), p95: quantile(work16, 0.95), cpu95: quantile(cpu, 0.95), max: Math.max(0, ...work16), longTasks: long.filter((duration) => duration > 50).length, dropped: (100 * dropped) / Math.max(1, dropped + gaps.length), frames: work16.length }
}

const line = (name: string, f: Frames): void => console.log(`${name.padEnd(34)} ${f.p50.toFixed(2).padStart(8)} ${f.p95.toFixed(2).padStart(8)} ${f.cpu95.toFixed(2).padStart(8)} ${f.max.toFixed(1).padStart(8)} ${String(f.longTasks).padStart(10)} ${f.dropped.toFixed(1).padStart(9)} ${String(f.frames).padStart(7)}`)

const harness = await openHarness()
const SECONDS = Number(process.env.SECONDS ?? 12)
try {
  console.log(`${'case'.padEnd(34)}  p50 ms   p95 ms  cpu p95   max ms  long tasks  dropped%  frames`)
  const empty = await harness.browser.newPage({ viewport: { width: 1440, height: 900 } })
  await empty.addInitScript('globalThis.__name = (f) => f')
  await empty.goto(`${harness.url}icon.svg`)
  line('empty page', await traced(empty as never, SECONDS * 1000, async () => undefined))
  await empty.close()

  for (const big of [false, true]) {
    const page = await openPage(harness, '#/')
    await page.evaluate(async ({ seconds, big }) => {
      const { fake, synthetic } = (window as never as { harness: Handle }).harness
      const next = synthetic.random(5)
      const settings = { ...synthetic.SETTINGS, paths: 16, budget: 16_384 }
      const events = synthetic.scripted({ problem: 'Sixteen paths', paths: Array.from({ length: 16 }, () => 'x'), summary: 'x', answers: Array.from({ length: 16 }, () => null), answer: null, run: 'wide', settings }).filter((event) => event.type === 'run-started' || event.type === 'path-started') as RunEvent[]
      if (big) events.push({ type: 'tokens', at: 350, path: 1, tokens: synthetic.prose(200_000, next) })
      const started = events.length
      const streams = Array.from({ length: 16 }, () => synthetic.prose(100 * (seconds + 2), next))
      // As the engine sends: about every 30 ms, three tokens of each path.
      for (let i = 0; i < 100 * (seconds + 2); i += 3) streams.forEach((tokens, path) => events.push({ type: 'tokens', at: 400 + i * 10, path: path + 1, tokens: tokens.slice(i, i + 3) }))
      fake.add(events, { status: 'running' }, started)
      location.hash = '#/run/wide'
      await new Promise((resolve) => setTimeout(resolve, 1500))
    }, { seconds: SECONDS, big })
    if (big) await page.evaluate(() => { document.querySelectorAll('.lane .stream-scroll')[0]!.scrollTop = 0 })
    const result = await traced(page, SECONDS * 1000, () => page.evaluate(({ ms, big }) => new Promise<void>((resolve) => {
      const { fake } = (window as never as { harness: Handle }).harness
      const timer = setInterval(() => fake.play('wide', 16), 30)
      const scroller = document.querySelectorAll('.lane .stream-scroll')[0]!
      const scroll = big ? setInterval(() => { scroller.scrollTop += 90 }, 16) : undefined
      setTimeout(() => { clearInterval(timer); clearInterval(scroll); resolve() }, ms)
    }), { ms: SECONDS * 1000, big }))
    line(big ? '16 paths, one of 1 MB scrolled' : '16 paths, 100 tokens/s each', result)
    await page.context().close()
  }

  const page = await openPage(harness, '#/')
  const opened = await page.evaluate(async () => {
    const { fake, synthetic, useRuns } = (window as never as { harness: Handle }).harness
    const next = synthetic.random(9)
    const events = synthetic.scripted({ problem: 'Large', paths: Array.from({ length: 8 }, () => 'x'), summary: 'x', answers: Array.from({ length: 8 }, () => null), answer: null, run: 'large', settings: { budget: 32_768 } }).filter((event) => event.type === 'run-started' || event.type === 'path-started') as RunEvent[]
    for (let p = 1; p <= 8; p++) { const tokens = synthetic.prose(25_000, next); for (let i = 0; i < tokens.length; i += 10) events.push({ type: 'tokens', at: 400 + i, path: p, tokens: tokens.slice(i, i + 10) }) }
    // As it comes over the line: text.
    const text = JSON.stringify({ kind: 'events', run: 'large', events, more: false })
    fake.add([...events.slice(0, 1)])
    const began = performance.now()
    location.hash = '#/run/large'
    fake.push(JSON.parse(text))
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    for (;;) {
      fake.push({ kind: 'changed', what: 'devices' })
      const run = useRuns.getState().open.large
      if (run !== undefined && run.events.length < 2) { fake.push(JSON.parse(text)) }
      if ((run?.shown.paths.reduce((sum, one) => sum + one.tokens.length, 0) ?? 0) >= 200_000 && document.querySelectorAll('.lane .block').length >= 8) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return performance.now() - began
  })
  console.log(`open a run of 200,000 tokens (with JSON.parse): ${opened.toFixed(0)} ms`)
  await page.context().close()
} finally {
  await harness.close()
}
