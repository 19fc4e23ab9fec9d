import { randomBytes } from 'node:crypto'
import { abortable } from '../native/index.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import type { ChatMessage, Written } from './chat.ts'
import { isText, textOfIds } from './text-ids.ts'

/** What a server that takes ids can do with texts. */
export interface Tokenizing {
  /** Returns the prompt that the server's chat template makes of a chat. */
  render(
    messages: readonly ChatMessage[],
    variables: Written['variables'],
    signal: AbortSignal,
  ): Promise<string>
  /** Returns the ids of a text; `special`: the texts of control tokens become their ids. */
  tokenize(text: string, special: boolean, signal: AbortSignal): Promise<number[]>
  /** The tokens that a prompt begins with, if the template does not write them (BOS). */
  readonly lead: readonly number[]
}

/** The most texts whose ids are remembered, and the longest of them, in characters. */
const MAX_KEPT = 256
const MAX_LENGTH = 1 << 16

/**
 * Turns what a sequence holds into the server's ids. The server's template is rendered with names in
 * place of all texts, so that no text by a person or a model is ever parsed as control tokens.
 */
export class PromptIds {
  readonly #server: Tokenizing
  readonly #kept = new Map<string, Promise<readonly number[]>>()
  readonly #frames = new Map<string, Promise<readonly string[]>>()

  constructor(server: Tokenizing) {
    this.#server = server
  }

  /** Returns the ids of a prompt and of what is written behind it. Errors: `template-failed`, `io`, `cancelled`. */
  async of({ messages, variables, answer }: Written, signal: AbortSignal): Promise<number[]> {
    const frame = await this.#frame(messages, variables, signal)
    const ids: number[] = []
    for (const [i, words] of frame.entries()) {
      ids.push(...(await this.#ids(words, true, signal)))
      const text = messages[i]?.content
      if (text !== undefined) ids.push(...(await this.#ids(text, false, signal)))
    }
    const { lead } = this.#server
    const begun = lead.every((id, i) => ids[i] === id)
    return [...(begun ? [] : lead), ...ids, ...(await this.answer(answer, signal))]
  }

  /** Returns the ids of an answer's beginning: those of texts become the server's. */
  async answer(written: readonly number[], signal: AbortSignal): Promise<number[]> {
    const ids: number[] = []
    for (let from = 0; from < written.length;) {
      let to = from + 1
      while (to < written.length && isText(written[to]!) === isText(written[from]!)) to++
      const part = written.slice(from, to)
      ids.push(...(isText(part[0]!) ? await this.#ids(textOfIds(part), false, signal) : part))
      from = to
    }
    return ids
  }

  /** Returns what the template writes before, between and behind the messages. */
  #frame(
    messages: readonly ChatMessage[],
    variables: Written['variables'],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const roles = messages.map(({ role }) => role)
    const key = JSON.stringify([roles, variables])
    return remembered(this.#frames, key, signal, (signal) =>
      this.#render(roles, variables, signal).catch((error: unknown) => {
        // Some templates reject a system message: then it stands before the user's first one.
        if (roles[0] !== 'system' || toBraidError(error).code === 'cancelled') throw error
        return this.#render(roles.slice(1), variables, signal).then(([head, ...rest]) => [
          head!,
          '\n\n',
          ...rest,
        ])
      }),
    )
  }

  async #render(
    roles: readonly ChatMessage['role'][],
    variables: Written['variables'],
    signal: AbortSignal,
  ): Promise<string[]> {
    const names = roles.map(() => `braid${randomBytes(12).toString('hex')}`)
    const messages = roles.map((role, i) => ({ role, content: names[i]! }))
    let rest = await this.#server.render(messages, variables, signal)
    const frame: string[] = []
    for (const name of names) {
      const [before, after, ...more] = rest.split(name)
      if (after === undefined || more.length > 0) throw fail('template-failed/server')
      frame.push(before!)
      rest = after
    }
    return [...frame, rest]
  }

  #ids(text: string, special: boolean, signal: AbortSignal): Promise<readonly number[]> {
    if (text === '') return Promise.resolve([])
    const ask = (signal: AbortSignal) => this.#server.tokenize(text, special, signal)
    if (text.length > MAX_LENGTH) return ask(signal)
    return remembered(this.#kept, `${special ? 's' : 'p'}${text}`, signal, ask)
  }
}

/**
 * Returns what was found before, or finds it; a failure is not remembered. Several streams may wait
 * for it, so it goes on though one of them is cancelled.
 */
function remembered<T>(
  kept: Map<string, Promise<T>>,
  key: string,
  signal: AbortSignal,
  find: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const before = kept.get(key)
  if (before !== undefined) return abortable(signal, before)
  const found = find(new AbortController().signal)
  if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value!)
  kept.set(key, found)
  found.catch(() => kept.delete(key))
  return abortable(signal, found)
}

/** Returns what the template writes behind a user's words; undefined if it cannot be told. */
export async function openingOf(
  { render }: Pick<Tokenizing, 'render'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = 'braid-question'
  const variables: Written['variables'] = {}
  const text = await render([{ role: 'user', content: name }], variables, signal).catch(() => '')
  return text.split(name).at(1)
}
