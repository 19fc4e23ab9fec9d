import { afterAll } from 'vitest'
import { Sandbox, type Job } from '../../engine/sandbox/index.ts'
import { worded } from './worded.ts'

export const { signal } = new AbortController()
/** Far more than a job takes, for tests that are not about time. */
export const patient = { ms: 60_000 }

/** Opens the sandbox of a test file, which is closed after it. */
export function openSandbox() {
  const sandbox = new Sandbox(patient)
  afterAll(() => sandbox.close())
  const raw = (job: Job) => sandbox.run(job, signal)
  /** Runs a job; reasons are in English. */
  const run = async (job: Job) => (await raw(job)).map(worded)
  return {
    sandbox,
    raw,
    run,
    python: (program: string, ...calls: string[]) => run({ language: 'python', program, calls }),
    javascript: (program: string, ...calls: string[]) =>
      run({ language: 'javascript', program, calls }),
  }
}
