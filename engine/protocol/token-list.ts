import type { Token } from './events.ts'

/**
 * An immutable list that appends in O(added): a list and those appended to it share one array, and
 * each list has its own length. Appending to the same list a second time copies the array.
 */
export class TokenList implements Iterable<Token> {
  static readonly EMPTY = new TokenList([], 0)
  readonly length: number
  readonly #shared: Token[]

  private constructor(shared: Token[], length: number) {
    this.#shared = shared
    this.length = length
  }

  static from(tokens: readonly Token[]): TokenList {
    return TokenList.EMPTY.append(tokens)
  }

  at(index: number): Token | undefined {
    return index >= 0 && index < this.length ? this.#shared[index] : undefined
  }

  /** Returns a copy of [start, end), like `Array.prototype.slice` but without negative indexes. */
  slice(start = 0, end = this.length): Token[] {
    return this.#shared.slice(Math.max(0, start), Math.max(0, Math.min(end, this.length)))
  }

  /** Returns the list of the first `count` tokens, which copies nothing. */
  first(count: number): TokenList {
    return count >= this.length ? this : new TokenList(this.#shared, Math.max(0, count))
  }

  append(added: readonly Token[]): TokenList {
    if (added.length === 0) return this
    const own = this.length > 0 && this.#shared.length === this.length
    const shared = own ? this.#shared : this.#shared.slice(0, this.length)
    for (const token of added) shared.push(token)
    return new TokenList(shared, shared.length)
  }

  *[Symbol.iterator](): Iterator<Token> {
    for (let i = 0; i < this.length; i++) yield this.#shared[i]!
  }
}
