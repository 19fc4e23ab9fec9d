/** Most UTF-16 units of a run that an export formats: it takes some 10 µs for each, and the host waits for it. */
const MAX_TEXT = 1_000_000

/** Counts the texts of a run that an export formats. Those above the limit are exported as written. */
export class TextBudget {
  #left = MAX_TEXT

  allows(text: string): boolean {
    this.#left -= text.length
    return this.#left >= 0
  }
}
