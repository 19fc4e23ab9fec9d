/** `response_format`, through OpenAI's own package. */
import type OpenAI from 'openai'
import type { ChatCompletion } from 'openai/resources/chat/completions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunState } from '../../engine/protocol/fold.ts'
import { smolLM2 } from '../support/models.ts'
import { THINKS } from '../support/scripted-model.ts'
import { until } from '../support/test-client.ts'
import { TestApi, type BraidReport } from './support.ts'

const SMOL = 'SmolLM2-135M-Instruct.Q4_1'
const CITY = {
  type: 'object',
  properties: {
    name: { enum: ['Paris', 'Rome'] },
    sizes: { type: 'array', items: { type: 'integer', minimum: 1, maximum: 99 }, maxItems: 2 },
    near: { $ref: '#/$defs/near' },
  },
  required: ['name', 'sizes', 'near'],
  additionalProperties: false,
  $defs: { near: { type: 'array', items: { const: { sea: false } }, minItems: 1, maxItems: 2 } },
}
const NUMBER = {
  type: 'object',
  properties: { n: { type: 'integer', minimum: 1, maximum: 99 } },
  required: ['n'],
}

let api: TestApi
let openai: OpenAI
beforeAll(async () => {
  api = new TestApi()
  await api.add(await smolLM2())
  await api.scripted('json', { '?': ['{"n": 7}'] })
  await api.scripted('voter', { '?': ['{"n": 7}', '{"n":7}', '{"n": 8}'] })
  await api.scripted('thinker', { '?': ['<think>Is it {7}? Yes.</think>\n'] }, THINKS)
  await api.scripted('fuser', { '?': ['It is seven.'], '}': ['{"n": 7}'] })
  await api.serve()
  openai = api.openai()
})
afterAll(() => api.close())

type Body = Record<string, unknown>
const format = (schema: unknown) => ({
  type: 'json_schema' as const,
  json_schema: { name: 'answer', strict: true, schema: schema as Record<string, unknown> },
})

async function ask(body: Body) {
  const whole = (await openai.chat.completions.create({
    model: SMOL,
    messages: [{ role: 'user', content: 'Describe Paris as JSON?' }],
    response_format: format(NUMBER),
    temperature: 0,
    ...body,
    stream: false,
  } as OpenAI.ChatCompletionCreateParamsNonStreaming)) as ChatCompletion & { braid: BraidReport }
  const [choice] = whole.choices
  return { whole, choice: choice!, content: choice!.message.content!, run: whole.braid.runs[0]! }
}

function checkCity(text: string) {
  const city = JSON.parse(text) as { name: string; sizes: number[]; near: unknown[] }
  expect(Object.keys(city)).toEqual(['name', 'sizes', 'near'])
  expect(['Paris', 'Rome']).toContain(city.name)
  expect(city.sizes.length).toBeLessThan(3)
  for (const size of city.sizes) expect(size > 0 && size < 100 && size % 1 === 0).toBe(true)
  expect(city.near.length > 0 && city.near.length < 3).toBe(true)
  for (const one of city.near) expect(one).toEqual({ sea: false })
}

describe('an answer in a JSON schema', () => {
  it('fits it, with log-probabilities of its tokens', async () => {
    const { content, choice } = await ask({
      response_format: format(CITY),
      max_tokens: 200,
      logprobs: true,
      top_logprobs: 2,
    })
    checkCity(content)
    expect(choice.finish_reason).toBe('stop')
    const entries = choice.logprobs!.content!
    expect(entries.map(({ token }) => token).join('')).toBe(content)
    // They are those of the model, which would have written something else.
    expect(entries.some(({ token, top_logprobs }) => token !== top_logprobs[0]!.token)).toBe(true)
  })
  it('is the same in a stream, for each of n choices', async () => {
    const body = { response_format: format(NUMBER), temperature: 1.2, seed: 5 }
    const { whole } = await ask({ ...body, n: 2 })
    const stream = await openai.chat.completions.create({
      model: SMOL,
      messages: [{ role: 'user', content: 'Describe Paris as JSON?' }],
      ...body,
      n: 2,
      stream: true,
    })
    const texts = ['', '']
    for await (const { choices } of stream)
      for (const { index, delta } of choices) texts[index] += delta.content ?? ''
    for (const text of [...texts, ...whole.choices.map(({ message }) => message.content!)])
      expect(JSON.parse(text)).toEqual({ n: expect.any(Number) })
  })
  it.each([
    ['json_object', { type: 'json_object' }],
    ['json_object with a schema', { type: 'json_object', schema: NUMBER }],
    ['text', { type: 'text' }],
  ])('of type %s', async (_type, response_format) => {
    expect((await ask({ model: 'json', response_format })).content).toBe('{"n": 7}')
  })
  it('follows the thought of a model that thinks', async () => {
    const { content, choice } = await ask({ model: 'thinker' })
    expect(JSON.parse(content)).toEqual({ n: expect.any(Number) })
    expect(choice.message).toMatchObject({ reasoning_content: 'Is it {7}? Yes.' })
  })
  it('ends at max_tokens and at a stop text', async () => {
    const cut = await ask({ response_format: format(CITY), max_tokens: 6 })
    expect(cut.choice.finish_reason).toBe('length')
    expect(() => JSON.parse(cut.content)).toThrow()
    const stopped = await ask({ model: 'json', stop: ' 7' })
    expect([stopped.content, stopped.choice.finish_reason]).toEqual(['{"n":', 'stop'])
  })
  it('goes on in its schema after it was cut', async () => {
    const { run } = await ask({ response_format: format(CITY), max_tokens: 9 })
    const client = api.client()
    await client.call('run.open', { run: run.run })
    await client.call('run.command', {
      run: run.run,
      command: { type: 'extend', segment: 'p1', tokens: 200 },
    })
    const ended = ({ status, paths: [path] }: RunState) =>
      status === 'ended' && path!.reason === 'finished'
    await until(() => ended(api.state(run.run)), 'the end of the path and of the run')
    const state = api.state(run.run)
    checkCity(state.paths[0]!.text)
    expect(state.settings!.schema).toBe(JSON.stringify(CITY))
    expect(state.answer).toBe(state.paths[0]!.text)
  })
})

describe('with several paths', () => {
  it('is the summary, while the paths write freely', async () => {
    const { content, run } = await ask({ model: `${SMOL}:parallel-4`, max_tokens: 24 })
    expect(JSON.parse(content)).toEqual({ n: expect.any(Number) })
    const { paths, summaries, settings } = api.state(run.run)
    expect([paths.length, summaries.length, settings!.answerBy]).toEqual([4, 1, 'summary'])
    for (const { text } of paths) expect(() => JSON.parse(text)).toThrow()
    expect(summaries[0]!.instruction).toContain(JSON.stringify(NUMBER))
    expect(JSON.parse(run.answer!)).toEqual(JSON.parse(content))
  })
  it.each(['fuser:parallel-3', 'fuser:refine-2', 'fuser:parallel-majority-2'])(
    'answers by %s',
    async (model) => {
      const { content, run } = await ask({ model, temperature: 1, seed: 2 })
      expect(content).toBe('{"n": 7}')
      expect(JSON.parse(run.answer!)).toEqual({ n: 7 })
    },
  )
  it('is the summary of a trained model, without its usual words', async () => {
    const { content, run } = await ask({
      model: 'braid-numbers-q8_0:parallel-2',
      messages: [{ role: 'user', content: 'Make 66 from 13, 15, 18 and 20.' }],
    })
    expect(JSON.parse(content)).toEqual({ n: expect.any(Number) })
    expect(api.state(run.run).summaries[0]!.text).toBe(`<summary>${content}</summary>`)
  })
  it('is voted on where no summary follows', async () => {
    const { content, run } = await ask({ model: 'voter:majority-9', temperature: 1, seed: 3 })
    expect(JSON.parse(content)).toEqual(JSON.parse(run.answer!))
    const counts = run.votes!.map(({ answer, votes }) => [answer, votes])
    expect(new Set(counts.map(([answer]) => answer))).toEqual(new Set(['{"n":7}', '{"n":8}']))
    expect(run.answers.every(({ answer }) => answer !== null)).toBe(true)
  })
  it('is refused where it is not possible', async () => {
    const braid = { strategy: 'majority', paths: 4, stop: 'stable' }
    await expect(ask({ model: 'json', braid })).rejects.toMatchObject({ status: 400 })
  })
})

describe('a schema', () => {
  const nested = { ...NUMBER, properties: { n: { type: 'strnig' } } }
  const circle = { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }] } } }
  const doubling = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => {
      const next = { type: 'array', items: { $ref: `#/$defs/d${i + 1}` } }
      return [`d${i}`, { type: 'array', prefixItems: [next, next] }]
    }),
  )
  it.each<[string, unknown, string]>([
    ['a wrong type', nested, 'properties.n.type'],
    ['no object', 5, ''],
    ['nothing', undefined, ''],
    ['a reference to nothing', { $ref: '#/$defs/x' }, '$ref'],
    ['a reference to another file', { $ref: 'https://example.com/' }, '$ref'],
    ['a circle', circle, '$defs'],
    ['exploding references', { $ref: '#/$defs/d0', $defs: doubling }, ''],
    ['a pattern with choices that repeat', { pattern: '^(a?){40}$' }, 'pattern'],
    ['a pattern without an end', { pattern: '^(a$' }, 'pattern'],
    ['a pattern of a part', { pattern: 'a' }, 'pattern'],
    ['too many items', { type: 'array', items: {}, minItems: 1e9 }, 'minItems'],
    ['too long a text', { type: 'string', maxLength: 1e6 }, 'maxLength'],
    ['too many values', { enum: Array.from({ length: 5000 }, (_, i) => i) }, 'enum'],
    ['too many alternatives', { anyOf: Array.from({ length: 65 }, (_, i) => ({ const: i })) }, ''],
    ['too large a text', { const: 'x'.repeat(70_000) }, ''],
  ])('with %s is refused, and what is wrong is named', async (_what, schema, at) => {
    const asking = ask({ model: 'json', response_format: format(schema) })
    await expect(asking).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param: expect.stringMatching(/^response_format\.json_schema\.schema/),
    })
    const { param } = (await asking.catch((error: unknown) => error)) as { param: string }
    expect(param).toContain(at)
  })
  it.each([
    ['another type', { type: 'xml' }, 'response_format.type'],
    ['no schema', { type: 'json_schema' }, 'response_format.json_schema.schema'],
  ])('of %s is refused', async (_what, response_format, param) => {
    await expect(ask({ model: 'json', response_format })).rejects.toMatchObject({
      status: 400,
      param,
    })
  })
})
