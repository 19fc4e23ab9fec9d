import type { NativeToken } from '../native/index.ts'
import type { Capabilities } from '../protocol/capabilities.ts'
import { fail } from '../protocol/errors.ts'
import {
  countIn,
  listIn,
  logprobIn,
  member,
  NO_ID,
  textIn,
  tokenOf,
  type Ask,
  type Dialect,
  type Piece,
} from './dialect.ts'
import type { Server } from './server.ts'

/** Any server with `/v1/chat/completions`: Ollama, LM Studio and others. */

const OPENS = '<think>'
const CLOSES = '</think>'

/** Returns how to talk to the server. Errors: `io`, `bad-request`, `cancelled`. */
export async function chatOnly(
  server: Server,
  model: string,
  entry: unknown,
  signal: AbortSignal,
): Promise<Dialect> {
  const trial = { model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 1, stream: false }
  const path = '/v1/chat/completions'
  const said = await server.tryAsk(path, { ...trial, logprobs: true, top_logprobs: 1 }, signal)
  const logprobs = listIn(member(said, 'choices', 0, 'logprobs', 'content')).length > 0
  // A server that refuses log-probabilities may still chat.
  const plain = said ?? (await server.ask(path, trial, signal))
  if (member(plain, 'choices', 0, 'message') === undefined) throw server.broken('no message')
  const context = countIn(member(entry, 'max_model_len') ?? member(entry, 'max_context_length'))
  const can: Capabilities = {
    dialect: 'chat',
    tokens: false,
    logprobs,
    alternatives: 0,
    ...(context !== undefined && { context }),
  }
  return { name: 'chat', can, write: (ask, abort) => write(server, model, can, ask, abort) }
}

async function* write(
  server: Server,
  model: string,
  { logprobs }: Capabilities,
  { written: { messages, variables, answer }, budget, sampler, schema }: Ask,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  if (answer.length > 0) throw fail('bad-combination/server-continue')
  const body = {
    model,
    messages,
    stream: true,
    max_tokens: budget,
    temperature: sampler.temperature,
    top_p: sampler.topP,
    seed: sampler.seed,
    ...(logprobs && { logprobs: true }),
    ...(schema !== undefined && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', strict: true, schema: JSON.parse(schema) as unknown },
      },
    }),
    ...(variables.reasoning_effort !== undefined && {
      reasoning_effort: variables.reasoning_effort,
    }),
  }
  let thinking = false
  let ended: unknown
  for await (const event of server.stream('/v1/chat/completions', body, signal)) {
    const message = textIn(member(event, 'error', 'message')) ?? textIn(member(event, 'error'))
    if (message !== undefined) throw server.broken(message)
    const choice = member(event, 'choices', 0)
    const thought =
      textIn(member(choice, 'delta', 'reasoning_content')) ??
      textIn(member(choice, 'delta', 'reasoning')) ??
      ''
    const text = textIn(member(choice, 'delta', 'content')) ?? ''
    const tokens: NativeToken[] = []
    if (thought !== '') tokens.push(bare(thinking ? thought : `${OPENS}\n${thought}`))
    thinking ||= thought !== ''
    if (text !== '') {
      const told = tokensIn(choice, text)
      tokens.push(...(thinking ? [bare(`\n${CLOSES}\n\n`)] : []), ...told)
      thinking = false
    }
    yield { tokens }
    ended = member(choice, 'finish_reason') ?? ended
  }
  if (ended === undefined) throw server.cutOff()
  yield { end: ended === 'length' ? 'length' : 'finished' }
}

const bare = (text: string): NativeToken => tokenOf(NO_ID, text, null, [])

/** Returns the tokens of a piece with their log-probabilities, if these spell it; else one token. */
function tokensIn(choice: unknown, text: string): NativeToken[] {
  const told = listIn(member(choice, 'logprobs', 'content')).map((one) => ({
    text: textIn(member(one, 'token')) ?? '',
    logprob: logprobIn(member(one, 'logprob')),
  }))
  if (told.length === 0 || told.map((one) => one.text).join('') !== text) return [bare(text)]
  return told.map((one) => tokenOf(NO_ID, one.text, one.logprob, []))
}
