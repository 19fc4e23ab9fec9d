/** A part [start, end) of a text, in UTF-16 units, that never changes again. */
export interface Block {
  readonly start: number
  readonly end: number
  /** `code`: a piece of an overlong fence, shown unformatted. */
  readonly kind: 'markdown' | 'code'
}

const LONG_PROSE = 1600
const LONG_CODE = 4000

/**
 * Splits a growing text into blocks that can be formatted independently: at blank lines outside fences and display
 * formulas, and where a block would be too long to lay out at once. The cost of a call depends only on the added text.
 */
export class BlockSplitter {
  readonly blocks: Block[] = []
  /** Where the open block starts. */
  tail = 0
  /** Start of the first incomplete line. */
  #line = 0
  #fence: string | null = null
  #fenceCut = false
  #math: '$$' | '\\]' | null = null

  /** Takes the text so far, which must begin with the previous one. `done`: closes the open block. */
  advance(text: string, done: boolean): void {
    for (;;) {
      const end = text.indexOf('\n', this.#line)
      if (end === -1) break
      this.#takeLine(text.slice(this.#line, end), end + 1)
      this.#line = end + 1
    }
    while (text.length - this.tail > LONG_CODE) this.#cutLine(text)
    if (done && text.length > this.tail) this.#close(text.length)
  }

  #takeLine(line: string, end: number): void {
    const trimmed = line.trim()
    const start = this.#line
    const length = end - this.tail
    if (this.#fence !== null) {
      if (trimmed.startsWith(this.#fence) && trimmed.replaceAll(this.#fence[0]!, '') === '') {
        this.#fence = null
        this.#close(end)
      } else if (length > LONG_CODE) {
        this.#fenceCut = true
        this.#close(end)
      }
      return
    }
    if (this.#math !== null) {
      if (trimmed.endsWith(this.#math)) this.#math = null
      else if (length > LONG_PROSE) this.#close(end)
      return
    }
    const fence = /^(`{3,}|~{3,})/.exec(trimmed)?.[1]
    if (fence !== undefined) {
      if (start > this.tail) this.#close(start)
      this.#fence = fence
    } else if (trimmed.startsWith('$$') && !trimmed.slice(2).includes('$$')) this.#math = '$$'
    else if (trimmed.startsWith('\\[') && !trimmed.includes('\\]')) this.#math = '\\]'
    else if ((trimmed === '' && start > this.tail) || length > LONG_PROSE) this.#close(end)
  }

  /** Cuts a line that does not end, at a space and never inside a character. */
  #cutLine(text: string): void {
    const limit = this.tail + LONG_CODE
    const space = text.lastIndexOf(' ', limit)
    let end = space > this.tail + LONG_CODE / 2 ? space + 1 : limit
    const code = text.charCodeAt(end)
    if (code >= 0xdc00 && code <= 0xdfff) end--
    if (this.#fence !== null) this.#fenceCut = true
    this.#close(end)
    this.#line = Math.max(this.#line, end)
  }

  #close(end: number): void {
    if (end <= this.tail) return
    this.blocks.push({ start: this.tail, end, kind: this.#fenceCut ? 'code' : 'markdown' })
    if (this.#fence === null) this.#fenceCut = false
    if (this.#fence === null) this.#math = null
    this.tail = end
  }
}

/** Returns the index of the block that contains `offset`; `blocks.length` for the open one. */
export function blockAt(blocks: readonly Block[], offset: number): number {
  let low = 0
  let high = blocks.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (blocks[middle]!.end <= offset) low = middle + 1
    else high = middle
  }
  return low
}
