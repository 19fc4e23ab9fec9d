import { InvalidArgumentError } from 'commander'
import { say } from '../terminal/index.ts'
import { MAX_TEXT_FILE, readText } from '../files/index.ts'
import { escapeControls } from '../protocol/controls.ts'
import { BraidError } from '../protocol/errors.ts'

export { say }

/** Exit codes. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Wrong usage of the command: prints one line and exits with code 2. */
export class UsageError extends Error {}

/**
 * Returns a commander parser for whole numbers. Its error message gives the range; commander adds
 * the flag's name.
 */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : NaN
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    return value
  }
}

export function decimal(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text)
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`)
    return value
  }
}

/** Returns a commander parser for a word that a schema accepts. */
export function word(schema: { safeParse(text: string): { success: boolean } }) {
  return (text: string): string => {
    if (!schema.safeParse(text).success)
      throw new InvalidArgumentError('It must be a word of lower-case letters.')
    return text
  }
}

/** Returns the exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage
  return error instanceof BraidError && error.code === 'cancelled' ? EXIT.interrupted : EXIT.failed
}

/** Reads all of stdin as UTF-8. Throws `UsageError` if it is too long. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    length += (chunk as Buffer).length
    if (length > MAX_TEXT_FILE)
      throw new UsageError(`The input is larger than ${MAX_TEXT_FILE >> 20} MiB.`)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Reads a file that the user names; `-` is stdin. Throws `UsageError`. */
export async function readInput(file: string): Promise<string> {
  if (file === '-') return readStdin()
  try {
    return readText(file, MAX_TEXT_FILE)
  } catch (error) {
    throw new UsageError(`Cannot read ${file}: ${(error as Error).message}`)
  }
}

let failed = false

/** Returns whether stdout can no longer be written. */
export const outputFailed = (): boolean => failed

/**
 * A reader of stdout that closed its end (`braid ... | head`) ends the command quietly. A full disk
 * is reported once, and the command goes on: a run has its transcript. A reader that left stderr
 * ends nothing.
 */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    if (failed) return
    failed = true
    say(`The output cannot be written: ${error.message}`)
  })
  process.stderr.on('error', () => {})
}

/**
 * Writes results to stdout, with control characters escaped, and waits if the reader is slow. Does
 * nothing once stdout has failed.
 */
export async function print(text: string): Promise<void> {
  if (failed || process.stdout.write(escapeControls(text)) || failed) return
  await new Promise<void>((resolve) => {
    const done = () => {
      process.stdout.off('drain', done).off('error', done)
      resolve()
    }
    process.stdout.on('drain', done).on('error', done)
  })
}

/**
 * Says why a line of a file cannot be used, and returns what is printed in its place. The command goes
 * on and ends with code 1.
 */
export function refused({ code, message }: BraidError): { error: object } {
  say(`braid: ${message}`)
  process.exitCode = EXIT.failed
  return { error: { code, message } }
}
