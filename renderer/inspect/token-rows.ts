import { countLeading } from '../../engine/protocol/bisect.ts'
import type { TokenList } from '../../engine/protocol/token-list.ts'

/** Tokens [start, end) that form one row. */
export interface TokenRow {
  readonly start: number
  readonly end: number
}

const MAX_ROW = 160

/**
 * Splits tokens into rows at line breaks: after a token that ends with one, before a token that begins with one.
 * Closed rows do not change as tokens are added.
 */
export class TokenRows {
  readonly rows: TokenRow[] = []
  /** Offset of each token in the text, followed by the length of the text. */
  readonly offsets: number[] = [0]
  #open = 0

  advance(tokens: TokenList): void {
    if (tokens.length < this.offsets.length - 1) {
      this.rows.length = 0
      this.offsets.length = 1
      this.#open = 0
    }
    if (this.rows.at(-1)?.start === this.#open) this.rows.pop()
    for (let i = this.offsets.length - 1; i < tokens.length; i++) {
      const { text } = tokens.at(i)!
      this.offsets.push(this.offsets[i]! + text.length)
      if (text.startsWith('\n') && !text.endsWith('\n')) this.#close(i)
      if (text.endsWith('\n') || i + 1 - this.#open >= MAX_ROW) this.#close(i + 1)
    }
    if (this.#open < tokens.length) this.rows.push({ start: this.#open, end: tokens.length })
  }

  #close(end: number): void {
    if (end > this.#open) this.rows.push({ start: this.#open, end })
    this.#open = end
  }

  rowOf(index: number): number {
    const before = countLeading(this.rows, ({ end }) => end <= index)
    return Math.max(0, Math.min(before, this.rows.length - 1))
  }
}
