import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export interface CliResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface CliOptions {
  env?: NodeJS.ProcessEnv
  stdin?: string
  stdout?: number
}

export class Cli {
  stdout = ''
  stderr = ''
  readonly child: ChildProcess
  readonly done: Promise<CliResult>

  /** Runs `braid ARGS` from source in a separate process. `stdout`: an open file to write to. */
  constructor(args: string[], { env = {}, stdin = '', stdout }: CliOptions = {}) {
    this.child = spawn(
      process.execPath,
      ['--import', 'tsx', join(root, 'engine', 'cli', 'main.ts'), ...args],
      { cwd: root, env: { ...process.env, ...env }, stdio: ['pipe', stdout ?? 'pipe', 'pipe'] },
    )
    this.child.stdout?.on('data', (data) => (this.stdout += data))
    this.child.stderr!.on('data', (data) => (this.stderr += data))
    this.child.stdin!.on('error', () => undefined)
    this.child.stdin!.end(stdin)
    this.done = new Promise((resolve) =>
      this.child.on('close', (code, signal) =>
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }),
      ),
    )
  }
}

export function braid(args: string[], options?: CliOptions): Promise<CliResult> {
  return new Cli(args, options).done
}
