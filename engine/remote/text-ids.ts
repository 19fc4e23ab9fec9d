/**
 * Ids that stand for texts. A server tokenizes by itself, and asking it takes a while, but prompts are
 * put together from ids at once (engine/prompt). So each text by Braid, a person or a model becomes ids
 * of this form, each of which holds up to three bytes of UTF-8, about as much as a usual token; the
 * server's own ids are those of the tokens that it wrote. Transcripts keep both, and a text needs no
 * table to be found again.
 *
 * bits 0 to 23: the bytes, the first one lowest; with kind 0: a code point
 * bits 24, 25: how many bytes there are, or 0
 * bit 28: marks a text
 */
const TEXT = 1 << 28
const COUNT = 24

export const isText = (id: number): boolean => id >= TEXT

/** Returns a text as ids; lone surrogates become U+FFFD. No character is split over two ids. */
export function textIds(text: string): number[] {
  const ids: number[] = []
  let [bytes, count] = [0, 0]
  const flush = () => {
    if (count > 0) ids.push(TEXT | (count << COUNT) | bytes)
    bytes = count = 0
  }
  for (const character of text.replace(/\p{Surrogate}/gu, '\ufffd')) {
    const code = character.codePointAt(0)!
    const encoded = Buffer.from(character)
    if (count + encoded.length > 3) flush()
    if (encoded.length > 3) ids.push(TEXT | code)
    else for (const byte of encoded) bytes |= byte << (8 * count++)
  }
  flush()
  return ids
}

/** Estimates how many tokens a text has. */
export const textTokens = (text: string): number => Math.ceil(Buffer.byteLength(text) / 3)

/** Returns the bytes of an id that stands for a text. */
export function bytesOfText(id: number): Uint8Array {
  const count = (id >> COUNT) & 3
  if (count === 0) {
    const code = id & 0x1fffff
    return Buffer.from(code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd')
  }
  return Uint8Array.from({ length: count }, (_, i) => (id >> (8 * i)) & 0xff)
}

/** Returns the text of ids that all stand for texts. */
export const textOfIds = (ids: readonly number[]): string =>
  Buffer.concat(ids.map(bytesOfText)).toString('utf8')
