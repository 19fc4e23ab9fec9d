import { countLeading } from '../bisect.ts'

/** [start, end) of a part of a text, in UTF-16 units. */
export type Range = readonly [number, number]

/** A part [start, end) of a text, in UTF-16 units, that never changes again. */
export interface Block {
  readonly start: number
  readonly end: number
  /** `code`: a fenced code block, or a piece of a long one. */
  readonly kind: 'markdown' | 'code'
  /** Most spaces to remove from the beginning of each line: those that a list or a fence has before it. */
  readonly indent: number
  /** `code` only: where the line that opens the fence starts; equal to `start` unless this is a later piece. */
  readonly fence: number
}

const LONG_PROSE = 1600
/** Longest block: a list or a piece of code. */
const LONG = 4000

/** List markers, then a fence. The info string after backticks holds no backtick: "```x```" is a code span. */
const FENCE = /^(\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*)(`{3,}(?!`)(?=[^`]*$)|~{3,})/
const ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/
/** Columns of space before a line; a tab counts as four, as in Markdown at the beginning of a line. */
const indentOf = (line: string): number => (line[0] === '\t' ? 4 : /^ */.exec(line)![0].length)
const closes = (line: string, fence: string): boolean =>
  line.startsWith(fence) && line.replaceAll(fence[0]!, '') === ''

/**
 * Splits a growing text into blocks that can be formatted independently: code blocks, and the rest at blank lines
 * outside lists and display formulas, and where a block would be too long to lay out at once. The cost of a call
 * depends only on the added text.
 */
export class BlockSplitter {
  readonly blocks: Block[] = []
  /** Where the open block starts. */
  tail = 0
  /** Start of the first incomplete line. */
  #line = 0
  /** The open fence. `alone`: it is a block of its own, not the first line of a list item. */
  #fence: { mark: string; start: number; indent: number; alone: boolean } | null = null
  #math: '$$' | '\\]' | null = null
  /** The open block continues or contains a list; the last line was blank. */
  #list = false
  #blank = false
  /** Indentation of the open block; null: it has only blank lines so far. */
  #indent: number | null = null
  /** Opens the block again that the end of the text closed. */
  #reopen: (() => void) | null = null

  /**
   * Takes the text so far, which must begin with the previous one. `done`: closes the open block. A
   * text that goes on after that continues the block.
   */
  advance(text: string, done: boolean): void {
    if (done && this.#reopen !== null && text.length === this.tail) return
    this.#reopen?.()
    this.#reopen = null
    for (;;) {
      const end = text.indexOf('\n', this.#line)
      if (end === -1) break
      this.#takeLine(text.slice(this.#line, end), end + 1)
      this.#line = end + 1
    }
    while (text.length - this.tail > LONG) this.#cutLine(text)
    if (!done) return
    this.#reopen = this.#remember()
    if (text.length > this.#line) this.#takeLine(text.slice(this.#line), text.length)
    this.#line = text.length
    this.#close(text.length)
  }

  /** Returns a function that puts everything back as it is now. */
  #remember(): () => void {
    const { tail } = this
    const { length } = this.blocks
    const [line, fence, math] = [this.#line, this.#fence && { ...this.#fence }, this.#math]
    const [list, blank, indent] = [this.#list, this.#blank, this.#indent]
    return () => {
      this.blocks.length = length
      this.tail = tail
      this.#line = line
      this.#fence = fence
      this.#math = math
      this.#list = list
      this.#blank = blank
      this.#indent = indent
    }
  }

  /**
   * Returns the open block as it is shown while it grows: as code from the first character that must be a fence, and
   * without a last line that may become the end of the fence. At most one block of text and one of code.
   */
  open(text: string): Block[] {
    const last = text.slice(this.#line)
    if (this.#fence !== null) {
      if (!this.#fence.alone) return this.#rest(this.tail, text.length)
      const closing = last.trim()
      const ending = closing !== '' && this.#fence.mark.startsWith(closing)
      const hidden = ending || closes(closing, this.#fence.mark)
      const end = hidden ? this.#line : text.length
      return end > this.tail ? [this.#code(this.tail, end, this.#fence)] : []
    }
    const opening = this.#math === null ? FENCE.exec(last) : null
    if (opening === null || opening[1]!.trim() !== '') return this.#rest(this.tail, text.length)
    const fence = { start: this.#line, indent: indentOf(last) }
    return [...this.#rest(this.tail, this.#line), this.#code(this.#line, text.length, fence)]
  }

  #rest(start: number, end: number): Block[] {
    const indent = this.#indent ?? 0
    return end > start ? [{ start, end, kind: 'markdown', indent, fence: start }] : []
  }

  #code(start: number, end: number, fence: { start: number; indent: number }): Block {
    return { start, end, kind: 'code', indent: fence.indent, fence: fence.start }
  }

  #takeLine(line: string, end: number): void {
    const trimmed = line.trim()
    const start = this.#line
    if (this.#fence !== null) {
      if (closes(trimmed, this.#fence.mark)) {
        const { alone } = this.#fence
        if (alone) this.#close(end)
        this.#fence = null
      } else if (end - this.tail > LONG) this.#cutFence(end)
      return
    }
    const fence = FENCE.exec(line)
    if (fence !== null) {
      const alone = fence[1]!.trim() === ''
      if (alone || this.#math !== null) this.#close(start)
      this.#list = !alone || (this.#list && indentOf(line) >= 2)
      this.#fence = { mark: fence[2]!, start, indent: indentOf(line), alone }
      this.#math = null
      this.#blank = false
      return
    }
    if (this.#math !== null) {
      if (trimmed.includes(this.#math)) this.#math = null
      else if (end - this.tail > LONG_PROSE) this.#close(end)
      return
    }
    if (this.#list) this.#takeListLine(line, trimmed, start)
    else if (ITEM.test(line)) this.#list = true
    if (trimmed !== '') this.#indent ??= this.#list ? indentOf(line) : 0
    if (trimmed.startsWith('$$') && !trimmed.slice(2).includes('$$')) this.#math = '$$'
    else if (trimmed.startsWith('\\[') && !trimmed.includes('\\]')) this.#math = '\\]'
    if (trimmed === '' && start > this.tail && !this.#list) this.#close(end)
    else if (end - this.tail > (this.#list ? LONG : LONG_PROSE)) this.#close(end)
  }

  /** Ends the block before a line that ends the list, or before an item if the block is long. */
  #takeListLine(line: string, trimmed: string, start: number): void {
    if (trimmed === '') {
      this.#blank = true
      return
    }
    const item = ITEM.test(line)
    const inside = item || indentOf(line) >= 2
    const table = !inside && trimmed.startsWith('|')
    if ((this.#blank && !inside) || table) {
      this.#close(start)
      this.#list = false
    } else if (item && (start - this.tail > LONG_PROSE || indentOf(line) < (this.#indent ?? 0)))
      this.#close(start)
    this.#blank = false
  }

  /** Cuts a line that does not end, at a space and never inside a character. */
  #cutLine(text: string): void {
    const limit = this.tail + LONG
    const space = text.lastIndexOf(' ', limit)
    let end = space > this.tail + LONG / 2 ? space + 1 : limit
    const code = text.charCodeAt(end)
    if (code >= 0xdc00 && code <= 0xdfff) end--
    this.#cutFence(end)
    this.#line = Math.max(this.#line, end)
  }

  /** Ends the block inside of a fence, if one is open. What follows of the fence is code. */
  #cutFence(end: number): void {
    this.#close(end)
    if (this.#fence !== null) this.#fence.alone = true
  }

  #close(end: number): void {
    if (end <= this.tail) return
    if (this.#fence?.alone === true) this.blocks.push(this.#code(this.tail, end, this.#fence))
    else this.blocks.push(...this.#rest(this.tail, end))
    if (this.#fence === null) this.#math = null
    this.tail = end
    this.#indent = null
    this.#blank = false
  }
}

/** Returns the blocks of a whole text. */
export function blocksOf(text: string): readonly Block[] {
  const splitter = new BlockSplitter()
  splitter.advance(text, true)
  return splitter.blocks
}

/** Returns the blocks of a whole text, each code block in one piece. */
export function wholeBlocksOf(text: string): readonly Block[] {
  const whole: Block[] = []
  for (const block of blocksOf(text)) {
    const last = whole.at(-1)
    if (block.kind === 'code' && last?.kind === 'code' && last.fence === block.fence)
      whole[whole.length - 1] = { ...last, end: block.end }
    else whole.push(block)
  }
  return whole
}

/** Returns the index of the block that contains `offset`; `blocks.length` for the open one. */
export const blockAt = (blocks: readonly Block[], offset: number): number =>
  countLeading(blocks, ({ end }) => end <= offset)

/** Returns the text of a block without its indentation, and the part of `mark` in it, which may be empty. */
export function textOf(
  text: string,
  { start, end, indent }: Block,
  mark: Range | null,
): { text: string; mark: Range | null } {
  const part = text.slice(start, end)
  const inside = mark !== null && mark[1] > start && mark[0] < end
  const range: Range | null = inside
    ? [Math.max(0, mark[0] - start), Math.min(end, mark[1]) - start]
    : null
  if (indent === 0) return { text: part, mark: range }
  const spaces = new RegExp(`^(?:\\t| {1,${indent}})`, 'gm')
  const removed = (before: number): number => {
    let sum = 0
    for (const { 0: found, index } of part.matchAll(spaces))
      sum += Math.max(0, Math.min(found.length, before - index))
    return sum
  }
  return {
    text: part.replace(spaces, ''),
    mark: range && [range[0] - removed(range[0]), range[1] - removed(range[1])],
  }
}

/** A fenced code block, or the piece of one that a block holds. */
export interface Code {
  /** The info string: a language, and what the model wrote after it. */
  info: string
  code: string
  /** The block holds the line that opens the fence. */
  first: boolean
  /** Index in `code` of each index in the block's text. */
  lead: number
}

/** Returns the code in a block of kind `code`, without the lines of the fence. */
export function codeOf(text: string, block: Block): Code {
  const first = block.start === block.fence
  const own = textOf(text, block, null).text
  const opening = /^.*/.exec(text.slice(block.fence, block.fence + 400))![0]
  const [, , mark = '```'] = FENCE.exec(opening) ?? []
  const whole = text[block.fence + opening.length] === '\n' // or a part of a name would be shown
  const info = whole ? opening.slice(opening.indexOf(mark) + mark.length).trim() : ''
  const lead = first ? Math.min(own.length, /^.*\n?/.exec(own)![0].length) : 0
  const lines = own.slice(lead)
  const last = lines.trimEnd().lastIndexOf('\n') + 1
  const code = closes(lines.slice(last).trim(), mark) ? lines.slice(0, last) : lines
  return { info, code: code.replace(/\n$/, ''), first, lead }
}

/** Returns the whole code of the fence that starts at `fence`, from all its pieces. */
export function wholeCode(text: string, blocks: readonly Block[], fence: number): string {
  const pieces = blocks.filter((block) => block.kind === 'code' && block.fence === fence)
  const [first, last] = [pieces[0], pieces.at(-1)]
  if (first === undefined) return ''
  return codeOf(text, { ...first, start: fence, end: last!.end }).code
}
