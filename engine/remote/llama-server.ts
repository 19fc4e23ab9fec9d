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
import { fail } from '../protocol/errors.ts'
import { openingOf, PromptIds, type Tokenizing } from './prompt-ids.ts'
import type { Server } from './server.ts'
import { textIds } from './text-ids.ts'

/** llama.cpp's server: `/completion` with ids, `/tokenize` and `/apply-template` (tools/server/README.md). */

/** The most likely tokens to ask for, as for every engine. */
const MOST_LIKELY = 20

/** Returns how to talk to the server; undefined if it is another one. Errors: `io`, `cancelled`. */
export async function llamaServer(
  server: Server,
  signal: AbortSignal,
): Promise<Dialect | undefined> {
  const props = await server.tryAsk('/props', undefined, signal)
  const slots = countIn(member(props, 'total_slots'))
  if (slots === undefined) return undefined
  const found = await server.tryAsk('/tokenize', { content: '', add_special: true }, signal)
  if (!Array.isArray(member(found, 'tokens'))) return undefined
  const lead = listIn(member(found, 'tokens'))
    .slice(0, 1)
    .map((id) => idOf(server, id))
  const models = await server.tryAsk('/v1/models', undefined, signal)
  const tokenizing = tokenizingOf(server, lead)
  const ids = new PromptIds(tokenizing)
  return {
    name: 'llama-server',
    can: {
      dialect: 'llama-server',
      tokens: true,
      logprobs: true,
      alternatives: MOST_LIKELY,
      context: countIn(member(props, 'default_generation_settings', 'n_ctx')),
      slots,
    },
    template: textIn(member(props, 'chat_template')),
    opening: await openingOf(tokenizing, signal),
    vocabulary: countIn(member(models, 'data', 0, 'meta', 'n_vocab')),
    write: (ask, abort) => write(server, ids, ask, abort),
    async textOf(id, abort) {
      return (
        textIn(member(await server.ask('/detokenize', { tokens: [id] }, abort), 'content')) ?? ''
      )
    },
  }
}

function tokenizingOf(server: Server, lead: readonly number[]): Tokenizing {
  return {
    lead,
    async render(messages, variables, signal) {
      const body = { messages, chat_template_kwargs: variables }
      const prompt = textIn(member(await server.ask('/apply-template', body, signal), 'prompt'))
      if (prompt === undefined) throw server.broken('no prompt')
      return prompt
    },
    async tokenize(text, special, signal) {
      const body = { content: text, add_special: false, parse_special: special }
      const tokens = member(await server.ask('/tokenize', body, signal), 'tokens')
      return listIn(tokens).map((id) => idOf(server, id))
    },
  }
}

async function* write(
  server: Server,
  ids: PromptIds,
  { written, budget, sampler, likely, schema }: Ask,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  // Behind an answer that has begun, the server would hold the rest to the whole schema.
  if (schema !== undefined && written.answer.length > 0) throw fail('bad-combination/server-schema')
  const body = {
    prompt: await ids.of(written, signal),
    n_predict: budget,
    stream: true,
    return_tokens: true,
    cache_prompt: true,
    n_probs: likely,
    temperature: sampler.temperature,
    top_k: sampler.topK,
    top_p: sampler.topP,
    min_p: sampler.minP,
    repeat_penalty: sampler.repetitionPenalty,
    repeat_last_n: sampler.repetitionWindow,
    seed: sampler.seed,
    ...(schema !== undefined && { json_schema: JSON.parse(schema) as unknown }),
    samplers: ['penalties', 'top_k', 'top_p', 'min_p', 'temperature'],
  }
  let counted = 0
  for await (const event of server.stream('/completion', body, signal)) {
    if (member(event, 'error') !== undefined)
      throw server.broken(textIn(member(event, 'error', 'message')) ?? 'an error')
    if (member(event, 'stop') === true) {
      const type = member(event, 'stop_type')
      return yield { end: type === 'limit' ? 'length' : 'finished' }
    }
    const text = textIn(member(event, 'content'))
    const [id, ...more] = listIn(member(event, 'tokens'))
    if (text === undefined || more.length > 0) throw server.broken('no token')
    if (id === undefined) {
      yield { tokens: [] }
      continue
    }
    const predicted = member(event, 'tokens_predicted')
    const count = typeof predicted === 'number' ? predicted : counted + 1
    // A character that several tokens spell is sent with the last of them, and the ids of the others
    // never: then the text stands for all of them.
    const lost = count - counted > 1
    counted = count
    yield { tokens: lost ? spelled(text) : [tokenFrom(server, event, idOf(server, id), text)] }
  }
  throw server.cutOff()
}

/** Returns tokens for a text of whose tokens the server did not send all ids. */
function spelled(text: string) {
  const ids = textIds(text)
  return ids.map((id, i) => tokenOf(id, i === ids.length - 1 ? text : '', null, []))
}

function tokenFrom(server: Server, event: unknown, id: number, text: string) {
  const probability = member(event, 'completion_probabilities', 0)
  const told = idIn(member(probability, 'id'))
  if (told !== undefined && told !== id) throw server.broken('two ids for one token')
  const alternatives = listIn(member(probability, 'top_logprobs')).flatMap((one) => {
    const [other, logprob] = [idIn(member(one, 'id')), logprobIn(member(one, 'logprob'))]
    return other === undefined || logprob === null
      ? []
      : [{ id: other, text: textIn(member(one, 'token')) ?? '', logprob }]
  })
  return tokenOf(id, text, logprobIn(member(probability, 'logprob')), alternatives)
}
