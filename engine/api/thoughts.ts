import type { SegmentId } from '../protocol/segments.ts'

/** A text of the merged stream that grows. */
export interface Voice {
  segment: SegmentId
  /** What its parts are headed by; null for the only voice of a stream. */
  title: string | null
  text: string
  ended: boolean
}

/** A part may end at a line, at a sentence or anywhere, once it has this many characters. */
const [LINE, SENTENCE, ANYWHERE] = [200, 600, 2000]

/**
 * Merges texts that grow side by side into one stream, since clients show one. One voice has the
 * floor and is passed on as it comes, while the others are kept. Where its part ends, the voice that
 * has most to say takes the floor, under its heading. Nothing is lost, and each text stays in its own
 * order.
 */
export class Thoughts {
  readonly #sent = new Map<SegmentId, number>()
  #floor: SegmentId | null = null
  /** Who had the floor before. */
  #last: SegmentId | null = null
  /** Characters since the floor was taken. */
  #length = 0

  /** Returns what is to be sent now. `all`: also what is kept. */
  next(voices: readonly Voice[], all = false): string {
    let out = ''
    for (;;) {
      const waiting = voices.filter((voice) => this.#sentOf(voice) < voice.text.length)
      const own = voices.find(({ segment }) => segment === this.#floor)
      if (own === undefined) {
        if (waiting.length === 0) return out
        out += this.#take(waiting)
        continue
      }
      const alone = waiting.every((one) => one === own)
      const whole = alone || all || own.ended
      out += this.#send(own, whole ? own.text.length : this.#endOfPart(own))
      const over = own.ended || all || mayEnd(this.#length, own.text, this.#sentOf(own))
      if (alone || !over) return out
      this.#last = this.#floor
      this.#floor = null
    }
  }

  #sentOf({ segment }: Voice): number {
    return this.#sent.get(segment) ?? 0
  }

  #send(voice: Voice, to: number): string {
    const from = this.#sentOf(voice)
    this.#sent.set(voice.segment, to)
    this.#length += to - from
    return voice.text.slice(from, to)
  }

  #take(waiting: readonly Voice[]): string {
    const rest = (voice: Voice) => voice.text.length - this.#sentOf(voice)
    const others = waiting.filter(({ segment }) => segment !== this.#last)
    const next = (others.length > 0 ? others : waiting).reduce((most, one) =>
      rest(one) > rest(most) ? one : most,
    )
    const gap = this.#sent.size > 0 ? '\n\n' : ''
    this.#floor = next.segment
    this.#length = 0
    return next.title === null ? gap : `${gap}**${next.title}**\n\n`
  }

  /** Returns where the part ends in the text of the voice that has the floor: at its end if it goes on. */
  #endOfPart(voice: Voice): number {
    const sent = this.#sentOf(voice)
    for (let at = sent + 1; at < voice.text.length; at++)
      if (mayEnd(this.#length + at - sent, voice.text, at)) return at
    return voice.text.length
  }
}

/** Returns whether a part of this many characters may end before index `at` of a text. */
function mayEnd(length: number, text: string, at: number): boolean {
  const last = text[at - 1] ?? ''
  if (length >= LINE && last === '\n') return true
  if (length >= ANYWHERE && !/[\ud800-\udbff]/.test(last)) return true
  return length >= SENTENCE && /[。！？]$|[.!?]\s$/.test(text.slice(Math.max(0, at - 2), at))
}
