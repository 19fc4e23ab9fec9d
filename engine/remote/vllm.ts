import {
  countIn,
  idIn,
  idOf,
  listIn,
  logprobIn,
  member,
  textIn,
  tokenOf,
  type Ask,
  type Dialect,
  type Piece,
} from './dialect.ts'
import { openingOf, PromptIds, type Tokenizing } from './prompt-ids.ts'
import type { Server } from './server.ts'

/** vLLM: `/v1/completions` with ids and `return_token_ids`, `/tokenize` and `/detokenize`. */

/** The most log-probabilities that vLLM gives unless it was started with more (`--max-logprobs`). */
const MOST_LIKELY = 20
/** The most texts of ids that are remembered; a vocabulary has about that many. */
const MAX_TEXTS = 1 << 18

/** Returns how to talk to the server; undefined if it is another one, or an old one without ids. Errors: `io`, `cancelled`. */
export async function vllm(
  server: Server,
  model: string,
  entry: unknown,
  signal: AbortSignal,
): Promise<Dialect | undefined> {
  const ask = (text: string, special: boolean) =>
    server.tryAsk('/tokenize', { model, prompt: text, add_special_tokens: special }, signal)
  const tokens = listIn(member(await ask('a', false), 'tokens'))
  if (tokens.length === 0 || tokens.some((id) => idIn(id) === undefined)) return undefined
  const withLead = listIn(member(await ask('a', true), 'tokens'))
  const trial = { model, prompt: tokens, max_tokens: 1, return_token_ids: true, logprobs: 1 }
  const choice = member(await server.tryAsk('/v1/completions', trial, signal), 'choices', 0)
  if (!Array.isArray(member(choice, 'token_ids'))) return undefined
  const first = idIn(withLead[0])
  const lead = withLead.length > tokens.length && first !== undefined ? [first] : []
  const texts = new Texts(server, model)
  const tokenizing = tokenizingOf(server, model, lead)
  const ids = new PromptIds(tokenizing)
  const logprobs = member(choice, 'logprobs', 'tokens') !== undefined
  return {
    name: 'vLLM',
    can: {
      dialect: 'vllm',
      tokens: true,
      logprobs,
      alternatives: logprobs ? MOST_LIKELY : 0,
      context: countIn(member(entry, 'max_model_len')),
    },
    opening: await openingOf(tokenizing, signal),
    write: (one, abort) => write(server, model, ids, texts, one, abort),
    textOf: (id, abort) => texts.of(id, abort),
  }
}

/**
 * What may be a control token. vLLM finds control tokens in every text that it tokenizes, so a text
 * in which they must not count is tokenized in two parts, cut behind the first character of each.
 */
const CONTROL = /<(?=[|｜/\w][^<>\s]{0,62}>)|\[(?=\/?[A-Z_]{2,40}\])|◁(?=\/?\w{2,40}▷)/gu

function tokenizingOf(server: Server, model: string, lead: readonly number[]): Tokenizing {
  const tokenizeAll = async (prompt: string, signal: AbortSignal): Promise<number[]> => {
    const body = { model, prompt, add_special_tokens: false }
    const tokens = member(await server.ask('/tokenize', body, signal), 'tokens')
    return listIn(tokens).map((value) => idOf(server, value))
  }
  return {
    lead,
    async render(messages, variables, signal) {
      const body = {
        model,
        messages,
        add_generation_prompt: true,
        chat_template_kwargs: variables,
      }
      const tokens = member(await server.ask('/tokenize', body, signal), 'tokens')
      const prompt = member(await server.ask('/detokenize', { model, tokens }, signal), 'prompt')
      if (typeof prompt !== 'string') throw server.broken('no prompt')
      return prompt
    },
    async tokenize(text, special, signal) {
      if (special) return tokenizeAll(text, signal)
      const ids: number[] = []
      let from = 0
      for (const { index } of text.matchAll(CONTROL)) {
        ids.push(...(await tokenizeAll(text.slice(from, index + 1), signal)))
        from = index + 1
      }
      return [...ids, ...(await tokenizeAll(text.slice(from), signal))]
    },
  }
}

/** The texts of tokens, which vLLM does not send beside their ids. */
class Texts {
  readonly #known = new Map<number, string>()
  readonly #server: Server
  readonly #model: string

  constructor(server: Server, model: string) {
    this.#server = server
    this.#model = model
  }

  async of(id: number, signal: AbortSignal): Promise<string> {
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const body = { model: this.#model, tokens: [id] }
    const text = textIn(member(await this.#server.ask('/detokenize', body, signal), 'prompt')) ?? ''
    if (this.#known.size < MAX_TEXTS) this.#known.set(id, text)
    return text
  }
}

async function* write(
  server: Server,
  model: string,
  ids: PromptIds,
  texts: Texts,
  { written, budget, sampler, likely }: Ask,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  const body = {
    model,
    prompt: await ids.of(written, signal),
    add_special_tokens: false,
    max_tokens: budget,
    stream: true,
    return_token_ids: true,
    return_tokens_as_token_ids: true,
    skip_special_tokens: false,
    logprobs: likely,
    temperature: sampler.temperature,
    top_k: sampler.topK === 0 ? -1 : sampler.topK,
    top_p: sampler.topP,
    min_p: sampler.minP,
    repetition_penalty: sampler.repetitionPenalty,
    seed: sampler.seed,
  }
  for await (const event of server.stream('/v1/completions', body, signal)) {
    const message = textIn(member(event, 'error', 'message'))
    if (message !== undefined) throw server.broken(message)
    const choice = member(event, 'choices', 0)
    if (choice === undefined) {
      yield { tokens: [] } // the usage, at the end
      continue
    }
    const text = textIn(member(choice, 'text'))
    const told = listIn(member(choice, 'token_ids')).map((id) => idOf(server, id))
    if (text === undefined || (text !== '' && told.length === 0)) throw server.broken('no token')
    const logprobs = member(choice, 'logprobs')
    const tokens = told.map(async (id, i) => {
      const named = idNamed(member(logprobs, 'tokens', i))
      if (named !== undefined && named !== id) throw server.broken('two ids for one token')
      const alternatives = likely < 2 ? [] : await likelyOf(logprobs, i, texts, signal)
      // The text of a chunk of several tokens stands with the last of them.
      const own = i === told.length - 1 ? text : ''
      return tokenOf(id, own, logprobIn(member(logprobs, 'token_logprobs', i)), alternatives)
    })
    const reason = member(choice, 'finish_reason')
    const all = await Promise.all(tokens)
    // The token that ended the text is among its ids, but not part of it.
    if (reason === 'stop' && text === '' && all.length > 0) all.pop()
    yield { tokens: all }
    if (reason !== null && reason !== undefined)
      return yield { end: reason === 'length' ? 'length' : 'finished' }
  }
  throw server.cutOff()
}

/** Returns the id in `token_id:123`. */
function idNamed(value: unknown): number | undefined {
  const [, digits] = /^token_id:(\d{1,9})$/.exec(textIn(value) ?? '') ?? []
  return digits === undefined ? undefined : idIn(Number(digits))
}

async function likelyOf(logprobs: unknown, i: number, texts: Texts, signal: AbortSignal) {
  const found = Object.entries((member(logprobs, 'top_logprobs', i) ?? {}) as object).flatMap(
    ([name, value]) => {
      const [id, logprob] = [idNamed(name), logprobIn(value)]
      return id === undefined || logprob === null ? [] : [{ id, logprob }]
    },
  )
  found.sort((a, b) => b.logprob - a.logprob)
  return Promise.all(
    found
      .slice(0, MOST_LIKELY)
      .map(async ({ id, logprob }) => ({ id, text: await texts.of(id, signal), logprob })),
  )
}
