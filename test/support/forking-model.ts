import { FORK_FORMS } from '../../engine/protocol/forks.ts'
import { byteTokens, tinyModel, type TinyOptions } from './tiny-models.ts'

const { tokens } = FORK_FORMS.multiverse

/** A random model that often ends plans and children. */
export const FORKING = {
  shape: 'llama',
  seed: 5,
  pairs: 0,
  thoughts: 0,
  control: tokens,
  likely: { '</Goal>': 0.5, '</Path>': 0.55 },
} as const satisfies TinyOptions

const TEXT = '<Goal>\n<Outline>\n1: a</Outline>\n<Outline>2: b</Outline>\n'

/** Returns the tokens of a plan of two entries, which the next `</Goal>` of `FORKING` ends. */
export function planTokens(): number[] {
  const { vocabulary } = tinyModel(FORKING)
  const bytes = byteTokens()
  return TEXT.split(/(<[^>]+>)/).flatMap((part) =>
    tokens.includes(part)
      ? [vocabulary.id(part)]
      : [...Buffer.from(part)].map((byte) => vocabulary.id(bytes[byte]!)),
  )
}
