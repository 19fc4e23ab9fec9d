import { InvalidArgumentError } from 'commander'
import { BraidError } from '../protocol/errors.ts'

/** What a shell is told. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** A wrong use of the command: one line, exit code 2. */
export class UsageError extends Error {}

/** Parsers for commander: one clear line that names the flag (commander does) and the range. */
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

/** Errors of the engine that say how the command was given. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage
  return error instanceof BraidError && error.code === 'cancelled' ? EXIT.interrupted : EXIT.failed
}

/** All of stdin as UTF-8. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** stderr: what a person reads. stdout is kept for results. */
export function say(line: string): void {
  process.stderr.write(line + '\n')
}

/** Writes to stdout and waits while a reader is slow. A reader that left (`| head`) ends the command quietly. */
export async function print(text: string): Promise<void> {
  if (process.stdout.write(text)) return
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve))
}

/** Text of a model or a file without what steers a terminal: only newlines and tabs stay. */
export function printable(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
