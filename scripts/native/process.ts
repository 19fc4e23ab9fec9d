/** Runs a program, passes on its output line by line, and fails with the end of that output. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** A failure with a message for the user. Its code is `native-setup`. */
export class SetupError extends Error {
  readonly code = 'native-setup'
}

export interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  onLine?: (line: string) => void
  shell?: boolean
}

/** Resolves with stdout; rejects with a SetupError that ends in the last lines of output. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      shell: options.shell ?? false,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const stdout: string[] = []
    const tail: string[] = []
    const take = (line: string, out: boolean) => {
      if (out) stdout.push(line)
      tail.push(line)
      if (tail.length > 40) tail.shift()
      options.onLine?.(line)
    }
    createInterface({ input: child.stdout }).on('line', (line) => take(line, true))
    createInterface({ input: child.stderr }).on('line', (line) => take(line, false))
    child.on('error', (error) =>
      reject(new SetupError(`${command} could not be started: ${error.message}`)),
    )
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout.join('\n'))
      reject(
        new SetupError(
          `${command} ${args.join(' ')} failed (${signal ?? `exit code ${code}`}):\n${tail.join('\n')}`,
        ),
      )
    })
  })
}

/** Returns the first line of output, or undefined if the program is missing or fails. */
export async function probe(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await run(command, args)).split('\n')[0] ?? ''
  } catch {
    return undefined
  }
}
