import { randomInt } from 'node:crypto'
import type { z } from 'zod'
import { MAX_SEED, type RunRequest, type Turn } from '../protocol/request.ts'
import { ANY_OBJECT, readSchema, SchemaError } from '../protocol/schema.ts'
import type { ModelInfo } from '../protocol/wire.ts'
import { ApiError, fieldOf, invalid } from './errors.ts'
import type { Named } from './models.ts'
import type { Way } from './names.ts'
import {
  budgetOf,
  ChatBody,
  CompletionBody,
  type Common,
  type Message,
  type ResponseFormat,
} from './schema.ts'

/** What a request asks for: one run per choice, and how to report it. */
export interface Ask {
  /** As the client named it. */
  model: string
  stream: boolean
  includeUsage: boolean
  /** One per choice, in order. */
  runs: RunRequest[]
  stops: readonly string[]
  /** The answer is given as it was written, with the white space around it. */
  raw: boolean
  /** Alternatives per token of the answer; null: no log-probabilities are asked for. */
  logprobs: number | null
  /** Fields that have no effect, to be reported in `braid.notices`. */
  ignored: readonly string[]
  /** Whom the request is counted for, among those that wait. */
  user: string | null
}

export interface Asked {
  model: Named & { way?: Way }
  info: ModelInfo
  /** The way that the address of the request names. */
  way: Way | undefined
  /** Name of the client. */
  client: string
}

/** Returns a body that fits a schema; a field of null is an absent one. Throws 400 that names the first wrong field. */
export function checked<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const given =
    typeof body === 'object' && body !== null && !Array.isArray(body)
      ? Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
      : body
  const { data, error } = schema.safeParse(given)
  if (error !== undefined) throw invalid(error)
  return data as z.output<S>
}

/** Reads a conversation. Throws 400 for what Braid cannot do. */
export function chatAsk(body: ChatBody, asked: Asked): Ask {
  const { tools, tool_choice, functions, function_call, response_format, modalities } = body
  if (wants(tool_choice) || wants(function_call))
    throw refuse(
      'tool_choice',
      'Braid calls no tools. Leave it out, or set it to "auto" or "none".',
    )
  if (modalities?.some((one) => one !== 'text') === true)
    throw refuse('modalities', 'Braid answers with text only.')
  const { system, turns, problem } = conversationOf(body.messages)
  const most = body.max_completion_tokens ?? body.max_tokens
  const variables = {
    ...(body.reasoning_effort !== undefined && { reasoning_effort: body.reasoning_effort }),
    ...body.chat_template_kwargs,
    ...body.braid?.templateVariables,
  }
  const schema = schemaOf(response_format)
  const request: RunRequest = {
    problem,
    ...(turns.length > 0 && { turns }),
    settings: {
      ...(system !== '' && { system }),
      ...(schema !== undefined && { schema }),
      ...(Object.keys(variables).length > 0 && { templateVariables: variables }),
    },
  }
  const logprobs = body.logprobs === true ? (body.top_logprobs ?? 0) : null
  const ignored = [
    ...((tools?.length ?? 0) > 0 ? ['tools'] : []),
    ...((functions?.length ?? 0) > 0 ? ['functions'] : []),
  ]
  return askOf(body, asked, [request], { most, logprobs, raw: false, ignored })
}

/** Reads prompts that are the model's whole input, without a chat template. */
export function completionAsk(body: CompletionBody, asked: Asked): Ask {
  const prompts = typeof body.prompt === 'string' ? [body.prompt] : body.prompt
  const requests = prompts.map((problem): RunRequest => ({
    problem,
    settings: { plainPrompt: true },
  }))
  const { max_tokens: most, logprobs } = body
  return askOf(body, asked, requests, {
    most,
    logprobs: logprobs ?? null,
    // What a trained model writes stands between control tokens.
    raw: asked.info.nativePaths === 0,
    ignored: [],
  })
}

type Rest = Pick<Ask, 'logprobs' | 'raw'> & { most: number | undefined; ignored: string[] }

function askOf(
  body: Common,
  { model, info, way, client }: Asked,
  requests: readonly RunRequest[],
  { most, logprobs, raw, ignored }: Rest,
): Ask {
  const { fusion, templateVariables: _, ...fields } = body.braid ?? {}
  const named = model.way ?? way ?? { strategy: 'sequential' as const }
  const { temperature, top_p, top_k, min_p, repetition_penalty } = body
  const budget = most === undefined ? undefined : budgetOf(most, info.trainContext)
  const settings: RunRequest['settings'] = {
    ...named,
    ...(budget !== undefined && { budget, summaryBudget: budget }),
    ...fields,
    ...(fusion !== undefined && { controls: { fusion } }),
    alternatives: logprobs ?? 0,
    sampling: {
      ...(temperature !== undefined && { temperature }),
      ...(top_p !== undefined && { topP: top_p }),
      ...(top_k !== undefined && { topK: Math.max(0, top_k) }),
      ...(min_p !== undefined && { minP: min_p }),
      ...(repetition_penalty !== undefined && { repetitionPenalty: repetition_penalty }),
    },
  }
  const seed = body.seed ?? randomInt(MAX_SEED)
  const runs = requests.flatMap((request) =>
    Array.from({ length: body.n ?? 1 }, (_, i): RunRequest => ({
      ...request,
      model: model.file,
      client,
      settings: { ...request.settings, ...settings, seed: (seed + i) >>> 0 },
    })),
  )
  return {
    model: body.model,
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    runs,
    stops: typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []),
    raw,
    logprobs,
    ignored: [...ignored, ...withoutEffect(body)],
    user: body.user ?? null,
  }
}

/** Returns the JSON schema that an answer is to fit, as text; undefined if there is none. Throws 400. */
function schemaOf(format: ResponseFormat | undefined): string | undefined {
  if (format === undefined || format.type === 'text') return undefined
  const ofObject = format.type === 'json_object'
  const schema = ofObject ? (format.schema ?? undefined) : format.json_schema?.schema
  if (ofObject && schema === undefined) return ANY_OBJECT
  const param = `response_format.${ofObject ? 'schema' : 'json_schema.schema'}`
  if (typeof schema !== 'object' || schema === null) throw refuse(param, 'must be a JSON schema.')
  const text = JSON.stringify(schema)
  try {
    readSchema(text)
  } catch (error) {
    if (error instanceof SchemaError)
      throw refuse(fieldOf([param, ...error.path]), `${error.message}.`)
    throw error
  }
  return text
}

/** Returns the fields that would change how a model samples and that Braid does not have. */
const withoutEffect = ({ presence_penalty, frequency_penalty, logit_bias }: Common): string[] => [
  ...((presence_penalty ?? 0) !== 0 ? ['presence_penalty'] : []),
  ...((frequency_penalty ?? 0) !== 0 ? ['frequency_penalty'] : []),
  ...(Object.keys(logit_bias ?? {}).length > 0 ? ['logit_bias'] : []),
]

/** Whether a choice of tools demands that one is called. */
const wants = (choice: unknown): boolean =>
  choice === 'required' || (typeof choice === 'object' && choice !== null)

const refuse = (param: string, message: string) =>
  new ApiError(400, `${param}: ${message}`, { param })

/**
 * Returns a conversation in Braid's form: one system text, and turns of a question and its answer.
 * Messages of one role in a row count as one.
 */
export function conversationOf(messages: readonly Message[]): {
  system: string
  turns: Turn[]
  problem: string
} {
  const system: string[] = []
  const turns: Turn[] = []
  let question: string[] = []
  let answer: string[] = []
  const end = () => {
    if (answer.length > 0) turns.push({ problem: joined(question), answer: joined(answer) })
    ;[question, answer] = [[], []]
  }
  for (const [i, { role, content }] of messages.entries()) {
    const text = textOf(content, `messages[${i}].content`)
    if (role === 'assistant') answer.push(text)
    else if (role === 'user') {
      if (answer.length > 0) end()
      question.push(text)
    } else system.push(text)
  }
  const problem = joined(question)
  if (answer.length > 0 || problem.trim() === '')
    throw refuse('messages', 'the last one must be a question of the user.')
  return { system: joined(system), turns, problem }
}

const joined = (texts: readonly string[]): string => texts.filter((one) => one !== '').join('\n\n')

function textOf(content: Message['content'], param: string): string {
  if (content === null || content === undefined || typeof content === 'string') return content ?? ''
  return content
    .map(({ type, text }, i) => {
      if (type === 'text' && typeof text === 'string') return text
      throw refuse(`${param}[${i}]`, `parts of the type '${type}' are not supported, only text.`)
    })
    .join('\n')
}

export { ChatBody, CompletionBody }
