/**
 * Finds the tokens that a tokenizer has beside its vocabulary, with the ids that transformers 5
 * gives them (tokenization_utils_base.py, `_from_pretrained`; tokenization_utils_tokenizers.py,
 * `TokenizersBackend.__init__`).
 */
import { fail } from '../../protocol/errors.ts'
import { isRecord, readJson, TEXT_LIMITS } from './files.ts'

export interface Added {
  content: string
  special: boolean
}

const NAMED = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map((name) => `${name}_token`)
const bad = (message: string) => fail('bad-model/file', { reason: message })

/** Checks that a token has an embedding; `size` is the number of embeddings. Throws `bad-model`. */
export function checkId(
  file: string,
  text: string,
  id: unknown,
  size: number,
): asserts id is number {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= size)
    throw bad(
      `${file}: the token ${JSON.stringify(text)} has the id ${String(id)}, but the model has ${size} embeddings.`,
    )
}

/** Returns the text of a token that is given as text or as an object. */
export const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value
  return isRecord(value) && typeof value.content === 'string' ? value.content : undefined
}

/**
 * Reads tokenizer_config.json. In folders of the time before `added_tokens_decoder`,
 * special_tokens_map.json goes before it. Throws `bad-model` or `io`.
 */
export async function readSettings(folder: string): Promise<Record<string, unknown>> {
  const settings =
    (await readJson(folder, 'tokenizer_config.json', TEXT_LIMITS.tokenizerConfig)) ?? {}
  if (isRecord(settings.added_tokens_decoder)) return settings
  return {
    ...settings,
    ...(await readJson(folder, 'special_tokens_map.json', TEXT_LIMITS.config)),
  }
}

/**
 * Returns the added tokens by id: those of tokenizer.json, then those that only
 * `added_tokens_decoder` (or added_tokens.json of older folders) has, then special tokens that the
 * settings name and nothing else has. `size` is the number of embeddings; a special token that is
 * only named and lies beyond them is left out. Throws `bad-model`.
 */
export async function readAddedTokens(
  folder: string,
  { vocab, added_tokens }: { vocab: Record<string, unknown>; added_tokens?: unknown },
  settings: Record<string, unknown>,
  size: number,
): Promise<Map<number, Added>> {
  const found = new Map<number, Added>()
  const ids = new Map<string, number>()
  let next = Object.keys(vocab).length
  const put = (file: string, id: number, token: Added) => {
    checkId(file, token.content, id, size)
    const before = found.get(id)
    if (before) ids.delete(before.content)
    found.set(id, token)
    ids.set(token.content, id)
    next = Math.max(next, id + 1)
  }
  const idOf = (text: string): number | undefined =>
    ids.get(text) ?? (Object.hasOwn(vocab, text) ? (vocab[text] as number) : undefined)

  for (const token of listOf(added_tokens)) {
    const { id, content, special } = tokenOf('tokenizer.json', token, isRecord(token) && token.id)
    put('tokenizer.json', id, { content, special })
  }
  const file = 'tokenizer_config.json'
  const decoder = settings.added_tokens_decoder
  if (isRecord(decoder)) {
    const tokens = Object.entries(decoder).map(([id, token]) => tokenOf(file, token, Number(id)))
    for (const { id, content, special } of tokens.sort((a, b) => a.id - b.id))
      put(file, idOf(content) ?? (found.has(id) ? id : next), { content, special })
  } else {
    const older = (await readJson(folder, 'added_tokens.json', TEXT_LIMITS.tokenizerConfig)) ?? {}
    for (const [content, id] of Object.entries(older).sort(([, a], [, b]) => Number(a) - Number(b)))
      if (content !== '' && Number.isInteger(id) && !ids.has(content))
        put('added_tokens.json', idOf(content) ?? next, { content, special: false })
  }
  for (const content of specialTexts(settings)) {
    const id = idOf(content) ?? next
    if (id < size) put(file, id, { content, special: true })
  }
  return found
}

function tokenOf(file: string, token: unknown, id: unknown): Added & { id: number } {
  const content = isRecord(token) ? token.content : undefined
  if (typeof content !== 'string' || content === '' || !Number.isInteger(id))
    throw bad(`${file}: an added token has no text or no id.`)
  return {
    id: id as number,
    content,
    special: (token as Record<string, unknown>).special === true,
  }
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : [])

/** Returns the texts that the settings name as special, in transformers' order. */
function specialTexts(settings: Record<string, unknown>): string[] {
  const others = Object.keys(settings).filter(
    (name) => name.endsWith('_token') && !NAMED.includes(name),
  )
  const { extra_special_tokens: extra, additional_special_tokens: older } = settings
  const values = [
    ...[...NAMED, ...others].map((name) => settings[name]),
    ...(isRecord(extra) ? Object.values(extra) : listOf(extra)),
    ...(listOf(extra).length === 0 ? listOf(older) : []),
  ]
  return values.flatMap((value) => textOf(value) || [])
}
