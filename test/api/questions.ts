/** The API over scripted models, for each test file that imports it, and how OpenAI's client asks it. */
import OpenAI from 'openai'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParamsNonStreaming,
} from 'openai/resources/chat/completions'
import { afterAll, beforeAll } from 'vitest'
import { THINKS } from '../support/scripted-model.ts'
import { PROOF, THINKING } from '../support/scripts.ts'
import { TestApi, type BraidReport } from './support.ts'

/** A template of many turns. */
const TURNS = '{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[assistant]:'
export const HELLO = 'Hello there, my friend. Nice weather we have; it may rain <later> though.'

export let api: TestApi
export let openai: OpenAI

beforeAll(async () => {
  api = new TestApi()
  await api.scripted('hello', { '?': [HELLO] })
  await api.scripted('thinker', THINKING, THINKS)
  await api.scripted('prover', PROOF)
  await api.endless('endless')
  await api.scripted('chatty', { ':': ['Indeed it is so.'] }, TURNS)
  await api.serve()
  openai = api.openai()
})
afterAll(() => api.close())

export type Body = Partial<ChatCompletionCreateParamsNonStreaming> & {
  braid?: object
  [more: string]: unknown
}
export interface Said {
  content: string
  reasoning: string
  braid: BraidReport
  whole: ChatCompletion
}

export const question = (content: string) => [{ role: 'user' as const, content }]

/** Asks without a stream. */
export async function ask(body: Body, client = openai): Promise<Said> {
  const whole = await client.chat.completions.create({
    model: 'hello',
    messages: question('What do you say?'),
    ...body,
    stream: false,
  })
  const message = whole.choices[0]!.message as { content: string; reasoning_content?: string }
  return {
    content: message.content,
    reasoning: message.reasoning_content ?? '',
    braid: (whole as unknown as { braid: BraidReport }).braid,
    whole,
  }
}

/** Asks with a stream, and returns its chunks. */
export async function streamed(body: Body, client = openai): Promise<ChatCompletionChunk[]> {
  const stream = await client.chat.completions.create({
    model: 'hello',
    messages: question('What do you say?'),
    ...body,
    stream: true,
  })
  const chunks: ChatCompletionChunk[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

export const textOf = (chunks: readonly ChatCompletionChunk[], index = 0) =>
  chunks
    .flatMap(({ choices }) => choices)
    .filter((choice) => choice.index === index)
    .map(({ delta }) => delta.content ?? '')
    .join('')

export async function refused(
  body: Body,
  client = openai,
): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await ask(body, client)
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error
    throw error
  }
  throw new Error('It was not refused.')
}
