import { host } from './host.ts'

/** The most characters of the texts whose tokens are remembered. */
const KEPT = 1 << 22
const known = new Map<string, number>()

/**
 * Returns how many tokens each text has for a model. A text is counted once: while a question is
 * written, what it follows up on and what is attached do not change. Errors: those of the host.
 */
export async function countTokens(model: string, texts: readonly string[]): Promise<number[]> {
  const keyOf = (text: string) => `${model}\0${text}`
  const asked = [...new Set(texts)].filter((text) => !known.has(keyOf(text)))
  const fresh = new Map<string, number>()
  if (asked.length > 0) {
    const { tokens } = await host.call('models.count', { file: model, texts: asked })
    asked.forEach((text, i) => fresh.set(text, tokens[i]!))
  }
  const counts = texts.map((text) => fresh.get(text) ?? known.get(keyOf(text)) ?? 0)
  for (const [text, count] of fresh) known.set(keyOf(text), count)
  forgetOldest()
  return counts
}

function forgetOldest(): void {
  let size = 0
  for (const { length } of known.keys()) size += length
  for (const key of known.keys()) {
    if (size <= KEPT) break
    known.delete(key)
    size -= key.length
  }
}
