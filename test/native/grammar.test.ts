/** Answers in a JSON schema, by a real model (SmolLM2 135M). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  loadAddon,
  type NativeContext,
  type NativeModel,
  type StreamGrammar,
  type StreamOptions,
} from '../../engine/native/load.ts'
import { readSchema } from '../../engine/protocol/schema.ts'
import { smolLM2 } from '../support/models.ts'
import { contextOf, fill, greedy, ids, run, stream, type Decoded } from './support.ts'

const SCHEMA = {
  type: 'object',
  properties: {
    name: { enum: ['Paris', 'Rome "la bella"', 'Łódź'] },
    population: { type: 'integer', minimum: 1000, maximum: 99_999_999 },
    rivers: { type: 'array', items: { type: 'string', maxLength: 12 }, minItems: 1, maxItems: 2 },
    area: { $ref: '#/$defs/area' },
  },
  required: ['name', 'population', 'rivers', 'area'],
  $defs: { area: { type: ['number', 'null'] } },
}

let model: NativeModel
let context: NativeContext
let json: string
beforeAll(async () => {
  model = await loadAddon().openModel({ path: await smolLM2(), device: 'cpu', gpuLayers: 0 }).done
  context = await contextOf(model)
  const prompt = '<|im_start|>user\nDescribe Paris as JSON.<|im_end|>\n<|im_start|>assistant\n'
  await fill(context, 0, [...model.tokenize(prompt, { special: true, bos: false })])
  json = await grammarOf(SCHEMA)
})
afterAll(async () => {
  await context.free()
  await model.close()
})

const grammarOf = (schema: object) => model.schemaGrammar(readSchema(JSON.stringify(schema)))
const plain = (text: string) => [...model.tokenize(text, { special: false, bos: false })]
const ends = () =>
  model.specialTokens().flatMap(({ id, endOfGeneration }) => (endOfGeneration ? [id] : []))

/** Returns the stream of an answer behind the prompt. */
const answer = (
  grammar: Pick<StreamGrammar, 'text'> & Partial<StreamGrammar>,
  options: Partial<StreamOptions> = {},
): StreamOptions =>
  stream({
    id: 1,
    budget: 200,
    stops: ends(),
    branch: { from: 0, end: 1000 },
    grammar: { schema: '', ...grammar },
    ...options,
  })
const textOf = (decoded: Decoded) => (decoded.tokens.get(1) ?? []).map(({ text }) => text).join('')
const endOf = (decoded: Decoded) => decoded.ended.get(1)!

/** Checks that a text is what the schema describes. */
function check(text: string) {
  const { name, population, rivers, area, ...more } = JSON.parse(text) as Record<string, unknown>
  expect(more).toEqual({})
  expect(SCHEMA.properties.name.enum).toContain(name)
  expect(Number.isInteger(population) && (population as number) >= 1000).toBe(true)
  expect((rivers as string[]).length).toBeGreaterThan(0)
  expect((rivers as string[]).every((river) => river.length <= 12)).toBe(true)
  expect(area === null || typeof area === 'number').toBe(true)
}

describe('a grammar', () => {
  it.each([
    ['greedily', {}],
    ['at a temperature', { temperature: 1.5, seed: 3 }],
    ['with truncation and a penalty', { temperature: 1, topK: 5, repetitionPenalty: 1.3, seed: 4 }],
  ])('holds an answer to its schema, %s', async (_how, sampler) => {
    const all = { ...greedy, repetitionWindow: 64, ...sampler }
    const decoded = await run(context, [answer({ text: json }, { sampler: all })])
    expect(endOf(decoded).reason).toBe('finished')
    check(textOf(decoded))
  })
  it('changes neither log-probabilities nor what would be written anyhow', async () => {
    const free = await run(context, [stream({ id: 1, branch: { from: 0, end: 1000 }, budget: 8 })])
    const text = 'root ::= [^\\x00]*'
    const held = await run(context, [answer({ text }, { budget: 8, stops: [] })])
    expect(held.tokens.get(1)).toEqual(free.tokens.get(1))
  })
  it('goes on where an answer was cut', async () => {
    const whole = textOf(await run(context, [answer({ text: json })]))
    for (const budget of [1, 24]) {
      const first = await run(context, [answer({ text: json }, { budget })])
      expect(endOf(first).reason).toBe('budget')
      const written = ids(first, 1)
      const rest = await run(context, [answer({ text: json, written }, { branch: undefined })])
      expect(textOf(first) + textOf(rest)).toBe(whole)
    }
  })
  it('applies behind the tokens that come before the answer', async () => {
    const forced = plain('Here it is: ')
    const options = { forced, budget: 200 }
    const decoded = await run(context, [answer({ text: json, from: forced.length }, options)])
    check(textOf(decoded).slice('Here it is: '.length))
  })
  it('applies behind a thought, begun by the prompt or by the model', async () => {
    const thought = { opens: plain('<think>').slice(0, 1), closes: ['</think>'], begun: false }
    for (const [begun, text] of [
      [true, 'Well, "7}" </think>'],
      [false, '<think>Well</think>'],
    ] as const) {
      const grammar = { text: json, thought: { ...thought, begun } }
      const decoded = await run(context, [answer(grammar, { forced: plain(text) })])
      check(textOf(decoded).slice(text.length))
    }
    const without = await run(context, [answer({ text: json, thought })])
    check(textOf(without))
  })
  it('ends a stream that cannot go on, and says why', async () => {
    const text = 'root ::= "yes"'
    const masked = Array.from({ length: model.info.vocabSize }, (_, id) => id).filter((id) =>
      Buffer.from(model.tokenBytes(id)).toString().startsWith('y'),
    )
    const blocked = await run(context, [answer({ text }, { masked })])
    const misfit = await run(context, [answer({ text }, { forced: plain('yes no') })])
    for (const decoded of [blocked, misfit])
      expect(endOf(decoded)).toMatchObject({
        reason: 'failed',
        error: { code: 'decode-failed', message: expect.stringContaining('schema') },
      })
    const resumed = answer({ text, written: plain('no') })
    expect(endOf(await run(context, [resumed])).error?.code).toBe('decode-failed')
    expect(textOf(await run(context, [answer({ text })]))).toBe('yes')
  })
  it('that llama.cpp does not understand is refused', () => {
    for (const text of ['start ::= "a"', 'root ::= root "a"', '\0', ''])
      expect(() => context.decode({ streams: [answer({ text })], ...NOTHING })).toThrow(
        expect.objectContaining({ code: 'bad-request' }),
      )
  })
})

const NOTHING = { finish: 0, cells: 10, logprobs: false, alternatives: 0, onBatch: () => undefined }

describe('the converter', () => {
  it.each([
    ['no JSON', '{"type":'],
    ['references', '{"$ref":"#/a","a":{"$ref":"#/a"}}'],
    ['references in circles', '{"allOf":[{"\\u0024ref":"#/a"}],"a":{"$ref":"#/a"}}'],
    ['a deep one', '{"items":'.repeat(5000) + '{}' + '}'.repeat(5000)],
    ['another type', '{"type":"date"}'],
    ['wrong values', '{"type":"array","items":{},"minItems":"x"}'],
    ['too many repetitions', '{"type":"string","maxLength":2000}'],
  ])('refuses %s', async (_what, schema) => {
    await expect(model.schemaGrammar(schema)).rejects.toMatchObject({ code: 'bad-request' })
  })
  it('takes each schema that may be asked for, the largest ones, too', async () => {
    const properties = (count: number, value: (i: number) => object) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, value(i)]))
    const strings = { type: 'string', maxLength: 1900 }
    for (const schema of [
      {},
      { type: 'object', properties: properties(128, () => ({})) },
      { type: 'object', properties: properties(7, () => strings) },
      { enum: Array.from({ length: 450 }, (_, i) => `one of ${i}`) },
      { type: 'string', pattern: '^(-*-*-*|[^x-z"]{0,40}-?\\/.)$' },
      { type: 'array', items: { type: 'array', items: {}, maxItems: 1900 }, maxItems: 1900 },
      { allOf: [{ type: 'object', properties: { a: { const: { '\\': '"\n]' } } } }] },
      { type: 'object', properties: { a: {} }, additionalProperties: { type: 'string' } },
      { type: 'string', format: 'date-time' },
      {
        prefixItems: [
          { type: 'integer', minimum: 1005 },
          { type: 'integer', maximum: -3 },
        ],
      },
    ]) {
      const text = await grammarOf(schema)
      const written = await run(context, [answer({ text }, { budget: 3 })])
      expect([schema, endOf(written).error]).toEqual([schema, undefined])
    }
  })
})
