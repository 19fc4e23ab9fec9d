import { escapeControls } from '../protocol/controls.ts'

/** Prints a line for the user to stderr, whatever a file or a model put into it. */
export function say(line: string): void {
  process.stderr.write(escapeControls(line) + '\n')
}

/** Passes on to stderr what a child process writes to its own, as `say` does. */
export function passOn(stderr: NodeJS.ReadableStream | null): void {
  stderr?.setEncoding('utf8')
  stderr?.on('data', (text: string) => process.stderr.write(escapeControls(text)))
}
