/**
 * Runs programs with the interpreters of this machine, CPython and Node, to measure with. This is
 * not the sandbox of Braid: a program runs without network where the system allows that, with limits
 * on time, memory and files, and in an empty folder, but it can read files. Linux only.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job, Outcome } from '../../engine/protocol/agreement.ts'
import { familyOf } from '../../engine/agree/code.ts'
import type { Task } from './tasks.ts'

/** Milliseconds for one process; a call has 2 s of its own. */
const TIMEOUT = 30_000
/** Limits of the shell: CPU seconds, no file contents, no core dump. */
const LIMITS = 'ulimit -t 30 -f 0 -c 0'
/** V8 reserves far more address space than it uses, so this one is for Python: 1 GiB. */
const MEMORY = 'ulimit -v 1048576'

const here = (file: string) => join(import.meta.dirname, file)
const found = (program: string, ...args: string[]) => {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

let python: string | undefined
function interpreter(language: Job['language']): string[] {
  if (familyOf(language) === 'javascript')
    return [process.execPath, '--max-old-space-size=512', here('run.mjs')]
  python ??= found('python3', '-c', 'import sys; print(sys.executable)') ?? undefined
  if (python === undefined) throw new Error('python3 is not installed.')
  return [python, '-I', '-S', '-B', here('run.py')]
}

/** What takes the network away; empty if this system does not allow it. */
export const WITHOUT_NETWORK =
  [
    ['unshare', '-n'],
    ['unshare', '-rn'],
  ].find(([program, ...args]) => found(program!, ...args, 'true') !== null) ?? []

interface Request {
  program: string
  calls: readonly string[]
  results?: readonly string[]
}

/** Runs one process and returns the lines that it reported; fewer than calls if it was ended. */
async function attempt(language: Job['language'], request: Request): Promise<unknown[]> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-code-'))
  const limits = language === 'python' ? `${LIMITS}; ${MEMORY}` : LIMITS
  const [program, ...args] = [
    ...[...WITHOUT_NETWORK, 'sh', '-c', `${limits}; exec "$@"`, 'sh'],
    ...interpreter(language),
  ]
  try {
    const child = spawn(program!, args, {
      cwd: folder,
      env: { PATH: '/usr/bin:/bin', PYTHONHASHSEED: '0' },
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
      detached: true,
    })
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', () => resolve())
    })
    // A process that ends before it read everything is not an error of this one.
    child.stdin!.on('error', () => {}).end(JSON.stringify(request))
    let text = ''
    child.stdio[3]!.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
    const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), TIMEOUT)
    await ended
    clearTimeout(timer)
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs all calls; one that ends the process counts as `lost`, and those behind it run in another. */
async function each<T>(language: Job['language'], request: Request, lost: T): Promise<T[]> {
  const all: T[] = []
  const { program, calls, results } = request
  while (all.length < calls.length) {
    const from = all.length
    const lines = await attempt(language, {
      program,
      calls: calls.slice(from),
      ...(results !== undefined && { results: results.slice(from) }),
    })
    all.push(...(lines as T[]).slice(0, calls.length - from))
    if (all.length < calls.length) all.push(lost)
  }
  return all
}

/** Returns which tests of a task a program passes. */
export const runTests = ({ language, tests }: Task, program: string): Promise<boolean[]> =>
  each(
    language,
    { program, calls: tests.map(({ call }) => call), results: tests.map(({ result }) => result) },
    false,
  )

/** Runs a job with this machine's interpreter, as a reference for the sandbox. */
export const runJob = ({ language, program, calls }: Job): Promise<Outcome[]> =>
  each<Outcome>(language, { program, calls }, { error: 'ended' })
