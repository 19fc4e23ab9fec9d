/** The thread that runs programs. It is ended and replaced if one of them does not stop. */
import { parentPort, workerData } from 'node:worker_threads'
import { Stopwatch } from './clock.ts'
import { JavaScript } from './javascript.ts'
import { Python } from './python.ts'
import type { Interpreters, Report, Work } from './work.ts'

export function serveThread(): void {
  const { python: module, image, quickjs, driver } = workerData as Interpreters
  const report: Report = (message) => parentPort!.postMessage(message)
  const javascript = new JavaScript(quickjs, driver)
  let python: Python | undefined

  parentPort!.on('message', async (work: Work) => {
    const steps = work.calls.length + work.inputs.length
    const watch = new Stopwatch()
    let from = work.from
    let fresh = false
    // After a crash of the interpreter, the steps behind it run in the next one.
    while (from < steps && !fresh) {
      const rest = { ...work, from, ms: Math.max(0, work.ms - watch.used()) }
      if (work.language === 'python') {
        from = (python ??= new Python(module, image)).run(rest, report)
        fresh = !python.reusable
      } else {
        ;({ next: from, fresh } = await javascript.run(rest, report))
      }
    }
    report({ type: 'end', next: from, fresh })
  })
  report({ type: 'ready' })
}
