import { printable } from '../protocol/controls.ts'

/**
 * Shows a command's progress on stderr: one redrawn line in a terminal, otherwise a new line per 10
 * %.
 */
export class ProgressLine {
  #shown = -1
  #at = 0

  /** Shows the progress; `fraction` is 0..1. `said` may hold names of files. */
  show(fraction: number, said: string): void {
    const words = printable(said).replace(/\n/g, ' ')
    const percent = Math.floor(Math.min(1, Math.max(0, fraction)) * 100)
    if (process.stderr.isTTY) {
      if (Date.now() - this.#at < 100 && percent < 100) return
      this.#at = Date.now()
      process.stderr.write(
        `\r\x1b[K${String(percent).padStart(3)} %  ${words}`.slice(
          0,
          (process.stderr.columns || 80) + 4,
        ),
      )
      this.#shown = percent
    } else if (Math.floor(percent / 10) > Math.floor(this.#shown / 10) || this.#shown < 0) {
      process.stderr.write(`${percent} %  ${words}\n`)
      this.#shown = percent
    }
  }

  done(): void {
    if (process.stderr.isTTY && this.#shown >= 0) process.stderr.write('\r\x1b[K')
  }
}
