import { escapeControls } from '../protocol/controls.ts'

/** Prints a line for the user to stderr, whatever a file or a model put into it. */
export function say(line: string): void {
  write(line + '\n')
}

/** Passes on to stderr what a child process writes to its own, as `say` does. */
export function passOn(stderr: NodeJS.ReadableStream | null): void {
  stderr?.setEncoding('utf8')
  stderr?.on('data', write)
}

let guarded = false

/** A reader of stderr that leaves ends nothing. */
function write(text: string): void {
  if (!guarded) process.stderr.on('error', () => undefined)
  guarded = true
  process.stderr.write(escapeControls(text))
}
