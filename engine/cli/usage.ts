import { InvalidArgumentError } from 'commander'
import { BraidError } from '../protocol/errors.ts'

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

/** Reads all of stdin as UTF-8. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** Prints a line for the user to stderr. stdout is only for results. */
export function say(line: string): void {
  process.stderr.write(line + '\n')
}

/**
 * Writes to stdout, and waits if the reader is slow. If the reader has closed its end (`| head`),
 * the command ends quietly.
 */
export async function print(text: string): Promise<void> {
  if (process.stdout.write(text)) return
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve))
}

/**
 * Removes control characters that could affect the terminal from the text of a model or a file;
 * keeps newlines and tabs.
 */
export function printable(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
