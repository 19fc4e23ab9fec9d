import OpenAI from 'openai'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParamsNonStreaming,
} from 'openai/resources/chat/completions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { THINKS } from '../support/scripted-model.ts'
import { PROOF, THINKING } from '../support/scripts.ts'
import { until } from '../support/test-client.ts'
import { TestApi, type BraidReport } from './support.ts'

/** A template of many turns. */
const TURNS = '{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}[assistant]:'
const HELLO = 'Hello there, my friend. Nice weather we have; it may rain <later> though.'

let api: TestApi
let openai: OpenAI

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

type Body = Partial<ChatCompletionCreateParamsNonStreaming> & {
  braid?: object
  [more: string]: unknown
}
interface Said {
  content: string
  reasoning: string
  braid: BraidReport
  whole: ChatCompletion
}

const question = (content: string) => [{ role: 'user' as const, content }]

/** Asks without a stream. */
async function ask(body: Body, client = openai): Promise<Said> {
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
async function streamed(body: Body, client = openai): Promise<ChatCompletionChunk[]> {
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

const textOf = (chunks: readonly ChatCompletionChunk[], index = 0) =>
  chunks
    .flatMap(({ choices }) => choices)
    .filter((choice) => choice.index === index)
    .map(({ delta }) => delta.content ?? '')
    .join('')

async function refused(body: Body, client = openai): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await ask(body, client)
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error
    throw error
  }
  throw new Error('It was not refused.')
}

describe('models', () => {
  it('are listed by the names of their files, and with each strategy', async () => {
    const ids = (await openai.models.list()).data.map(({ id }) => id)
    expect(ids).toEqual(
      expect.arrayContaining([
        'hello',
        'hello:parallel-4',
        'hello:majority-4',
        'thinker',
        'chatty',
      ]),
    )
    expect(ids).toContain('braid-numbers-q8_0')
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).not.toContain('hello:fork-join')
  })
  it('are found by name, with any strategy', async () => {
    expect(await openai.models.retrieve('hello')).toMatchObject({ id: 'hello', object: 'model' })
    expect((await openai.models.retrieve('hello:majority-7')).id).toBe('hello:majority-7')
  })
  it.each(['nobody', 'nobody:parallel-2', '../hello', '/etc/passwd', 'hello:7b'])(
    '%s is not a model',
    async (model) => {
      expect(await refused({ model })).toMatchObject({
        status: 404,
        code: 'model_not_found',
        param: 'model',
      })
    },
  )
  it('are found in any case and with the ending of the file', async () => {
    expect((await ask({ model: 'HELLO.gguf' })).content).toBe(HELLO)
  })
})

describe('a plain model', () => {
  it('answers with one path, without reasoning', async () => {
    const { content, reasoning, whole, braid } = await ask({})
    expect([content, reasoning]).toEqual([HELLO, ''])
    expect(whole).toMatchObject({
      object: 'chat.completion',
      model: 'hello',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant' } }],
    })
    expect(braid).toMatchObject({
      notices: [],
      runs: [{ strategy: 'sequential', paths: 1, summaries: 0, segment: 'p1' }],
    })
  })
  it('streams the same text in pieces', async () => {
    const chunks = await streamed({})
    expect(textOf(chunks)).toBe(HELLO)
    expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant')
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe('stop')
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
    expect(chunks.at(-1)).toHaveProperty('braid.runs.0.run')
  })
  it('streams while it is written', async () => {
    const chunks = await streamed({ model: 'endless', max_tokens: 1000 })
    const pieces = chunks.filter(({ choices: [choice] }) => choice?.delta.content)
    expect(pieces.length).toBeGreaterThan(3)
  })
  it('streams what it thinks as reasoning, and what follows as content', async () => {
    const chunks = await streamed({ model: 'thinker', seed: 3 })
    const reasoning = chunks
      .map(
        ({ choices }) => (choices[0]?.delta as { reasoning?: string } | undefined)?.reasoning ?? '',
      )
      .join('')
    const { content, reasoning: whole } = await ask({ model: 'thinker', seed: 3 })
    expect([textOf(chunks), reasoning]).toEqual([content, whole])
    expect(content).toMatch(/^\w.*\\boxed/)
    expect(THINKING['?']!.some((text) => text.includes(`<think>${reasoning}</think>`))).toBe(true)
  })
})

describe('a strategy', () => {
  it.each([
    ['the name', { model: 'thinker:majority-5' }, ''],
    ['the address', { model: 'thinker' }, '/majority-5'],
    ['the body', { model: 'thinker', braid: { strategy: 'majority', paths: 5 } }, ''],
    [
      'the body before the name',
      { model: 'thinker:parallel-2', braid: { strategy: 'majority', paths: 5 } },
      '',
    ],
    ['the name before the address', { model: 'thinker:majority-5' }, '/refine-3'],
  ])('is named by %s', async (_where, body, path) => {
    const { braid, content, reasoning } = await ask({ ...body, seed: 1 }, api.openai({ path }))
    expect(braid.runs).toMatchObject([{ strategy: 'majority', paths: 5, question: 'value' }])
    const [run] = braid.runs
    expect(run!.votes!.reduce((sum, { votes }) => sum + votes, 0)).toBe(5)
    const winner = run!.votes!.find(({ wins }) => wins)!
    expect(winner.answer).toBe(run!.answer)
    expect(winner.members).toContain(run!.segment)
    expect(content).toContain(`\\boxed{${run!.answer}}`)
    for (let path = 1; path <= 5; path++) expect(reasoning).toContain(`**Path ${path}**`)
  })
  it('with a summary streams the summary as the answer, behind all paths', async () => {
    const chunks = await streamed({ model: 'prover:parallel-3', messages: question('Prove it?') })
    expect(textOf(chunks)).toBe(PROOF['.']![0])
    const kinds = chunks.flatMap(({ choices: [choice] }) => {
      const delta = choice?.delta as { content?: string; reasoning_content?: string } | undefined
      return delta?.reasoning_content ? ['r'] : delta?.content ? ['c'] : []
    })
    expect(kinds.join('')).toMatch(/^r+c+$/)
  })
  it('gives each path whole in the reasoning', async () => {
    const { reasoning, braid } = await ask({
      model: 'prover:parallel-4',
      messages: question('Prove it?'),
      seed: 9,
    })
    const paths = api.state(braid.runs[0]!.run).paths
    expect(paths).toHaveLength(4)
    const parts = new Map<string, string>()
    for (const [, path, text] of reasoning.matchAll(
      /\*\*(Path \d)\*\*\n\n([^]*?)(?=\n\n\*\*Path|$)/g,
    ))
      parts.set(path!, (parts.get(path!) ?? '') + text!)
    for (const { number, text } of paths) expect(parts.get(`Path ${number}`)).toBe(text)
  })
  it.each([
    ['sequential', { strategy: 'sequential' }],
    ['parallel-majority', { strategy: 'parallel-majority', paths: 2, runs: 2 }],
    ['refine', { strategy: 'refine', paths: 2, rounds: 2, reads: 2 }],
    ['merge', { strategy: 'merge', paths: 2 }],
  ])('%s answers', async (strategy, braid) => {
    const said = await ask({ model: `thinker`, braid: { ...braid, budget: 200 }, seed: 4 })
    expect(said.braid.runs[0]).toMatchObject({ strategy })
    expect(said.content).not.toBe('')
  })
  it.each([
    ['thinker:majority-0', 'model'],
    ['thinker:majority-65', 'model'],
    ['thinker:sequential-3', 'model'],
  ])('%s has a wrong number of paths', async (model, param) => {
    expect(await refused({ model })).toMatchObject({ status: 400, param })
  })
  it('that the model cannot follow is refused', async () => {
    expect(await refused({ model: 'hello:fork-join' })).toMatchObject({ status: 400 })
  })
  it('of a trained model answers with its summary', async () => {
    const { content, reasoning, braid } = await ask({
      model: 'braid-numbers-q8_0:parallel-4',
      messages: question('Make 66 from 13, 15, 18 and 20.'),
      seed: 1,
    })
    expect(content).toContain('\\boxed')
    expect(reasoning).toContain('**Path 4**')
    expect(content + reasoning).not.toMatch(/<\/?(think\d|summary)>/)
    expect(braid.runs[0]).toMatchObject({ segment: 's1', summaries: 1 })
  })
})

describe('sampling', () => {
  it.each([
    ['max_tokens', { max_tokens: 3 }],
    ['max_completion_tokens', { max_completion_tokens: 3 }],
    ['braid.budget', { braid: { budget: 3 } }],
    ['max_completion_tokens before max_tokens', { max_completion_tokens: 3, max_tokens: 5 }],
  ])('%s ends an answer', async (_name, body) => {
    const { whole, braid } = await ask(body)
    expect(whole.choices[0]!.finish_reason).toBe('length')
    expect(api.state(braid.runs[0]!.run).paths[0]!.tokens.length).toBe(3)
    expect(whole.usage).toMatchObject({ completion_tokens: 3 })
  })
  it('a limit beyond the context of the model is the context', async () => {
    const { braid } = await ask({ max_tokens: 1_000_000 })
    expect(api.state(braid.runs[0]!.run).settings!.budget).toBe(32_768)
  })
  it.each([
    ['a text', ' Nice'],
    ['a list', ['nothing', ' Nice']],
  ])('stop as %s ends the answer before it', async (_as, stop) => {
    const { content, whole } = await ask({ stop })
    expect(content).toBe('Hello there, my friend.')
    expect(whole.choices[0]!.finish_reason).toBe('stop')
    expect(textOf(await streamed({ stop }))).toBe(content)
  })
  it('a stop text ends an endless run', async () => {
    const first = await ask({ model: 'endless', max_tokens: 200, seed: 5 })
    const stop = first.content.slice(100, 104)
    const { content, braid } = await ask({ model: 'endless', stop, seed: 5 })
    expect(content).toBe(first.content.slice(0, first.content.indexOf(stop)))
    expect(api.state(braid.runs[0]!.run).endReason).toBe('stopped')
  })
  it('the same seed gives the same answer, another one another', async () => {
    const body = { model: 'endless', max_tokens: 40, temperature: 1 }
    const [a, b, c] = [
      await ask({ ...body, seed: 1 }),
      await ask({ ...body, seed: 1, braid: { alone: true } }),
      await ask({ ...body, seed: 2 }),
    ]
    expect(a.content).toBe(b.content)
    expect(a.content).not.toBe(c.content)
    expect(api.state(b.braid.runs[0]!.run).settings!.alone).toBe(true)
  })
  it('temperature, top_p, top_k, min_p and a negative seed reach the run', async () => {
    const { braid } = await ask({
      temperature: 0.25,
      top_p: 0.5,
      top_k: 7,
      min_p: 0.125,
      repetition_penalty: 1.5,
      seed: -1,
    })
    expect(api.state(braid.runs[0]!.run).settings).toMatchObject({
      seed: 2 ** 32 - 1,
      sampling: { temperature: 0.25, topP: 0.5, topK: 7, minP: 0.125, repetitionPenalty: 1.5 },
    })
  })
  it('n gives as many choices, each a run with a seed of its own', async () => {
    const { whole, braid } = await ask({
      model: 'endless',
      n: 3,
      max_tokens: 20,
      seed: 7,
      temperature: 1,
    })
    expect(whole.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(new Set(whole.choices.map(({ message }) => message.content)).size).toBe(3)
    expect(braid.runs.map(({ run }) => api.state(run).settings!.seed)).toEqual([7, 8, 9])
    expect(whole.usage!.completion_tokens).toBe(60)
    const [first] = braid.runs
    expect(whole.usage!.prompt_tokens).toBe(api.state(first!.run).promptTokens.length)
  })
  it('n works in a stream', async () => {
    const chunks = await streamed({ n: 2, stream_options: { include_usage: true } })
    expect([textOf(chunks, 0), textOf(chunks, 1)]).toEqual([HELLO, HELLO])
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: expect.any(Number) },
    })
    expect(chunks.at(-1)).toHaveProperty('braid.runs.1.run')
  })
  it('reasoning_effort and chat_template_kwargs are variables of the template', async () => {
    const { braid } = await ask({
      reasoning_effort: 'low',
      chat_template_kwargs: { enable_thinking: false },
    })
    const [run] = braid.runs
    expect(api.state(run!.run).settings!.templateVariables).toEqual({
      reasoning_effort: 'low',
      enable_thinking: false,
    })
    expect(run!.notices.map(({ code }) => code)).toContain('template-variable')
  })
})

describe('log-probabilities', () => {
  it('are given for each token of the answer, with alternatives', async () => {
    const { whole, content } = await ask({ logprobs: true, top_logprobs: 3 })
    const entries = whole.choices[0]!.logprobs!.content!
    expect(entries.map(({ token }) => token).join('')).toBe(content)
    for (const { token, logprob, bytes, top_logprobs } of entries) {
      expect(Buffer.from(bytes!).toString()).toBe(token)
      expect(logprob).toBeLessThanOrEqual(0)
      expect(top_logprobs).toHaveLength(3)
      expect(top_logprobs[0]!.logprob).toBeGreaterThanOrEqual(top_logprobs[1]!.logprob)
      expect(top_logprobs[0]!.token).toBe(token)
    }
  })
  it('come with the pieces of a stream', async () => {
    const chunks = await streamed({ logprobs: true, top_logprobs: 1 })
    const entries = chunks.flatMap(({ choices }) =>
      choices.flatMap((one) => one.logprobs?.content ?? []),
    )
    expect(entries.map(({ token }) => token).join('')).toBe(HELLO)
    expect(entries.every(({ top_logprobs }) => top_logprobs.length === 1)).toBe(true)
  })
  it('are those of the answer only, where paths think before it', async () => {
    const { whole, content } = await ask({ model: 'thinker', logprobs: true })
    const tokens = whole.choices[0]!.logprobs!.content!.map(({ token }) => token).join('')
    expect(tokens.trim()).toBe(content)
    expect(whole.choices[0]!.logprobs!.content![0]!.top_logprobs).toEqual([])
  })
})

describe('messages', () => {
  it('of many turns and several systems reach the model', async () => {
    const { braid, content } = await ask({
      model: 'chatty',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'developer', content: 'Be kind.' },
        { role: 'user', content: 'One' },
        { role: 'user', content: [{ type: 'text', text: 'Two' }] },
        { role: 'assistant', content: 'Three' },
        { role: 'user', content: 'Four?' },
      ],
    })
    expect(content).toBe('Indeed it is so.')
    const state = api.state(braid.runs[0]!.run)
    expect(state).toMatchObject({
      problem: 'Four?',
      turns: [{ problem: 'One\n\nTwo', answer: 'Three' }],
      settings: { system: 'Be brief.\n\nBe kind.' },
    })
    const prompt =
      '[system] Be brief.\n\nBe kind.\n[user] One\n\nTwo\n[assistant] Three\n[user] Four?\n[assistant]:'
    const plain = await openai.completions.create({ model: 'chatty', prompt, max_tokens: 1 })
    const { braid: written } = plain as unknown as { braid: BraidReport }
    expect(api.state(written.runs[0]!.run).promptTokens).toEqual(state.promptTokens)
  })
  it('mark the run with the name of the client, in the list of runs', async () => {
    const { braid } = await ask({})
    const { run } = braid.runs[0]!
    const listed = (await api.store.list()).find((one) => one.run === run)
    expect(listed?.client).toMatch(/^OpenAI\/JS/)
    expect(api.state(run).client).toBe(listed!.client)
  })
  it.each([
    ['an image', [{ type: 'image_url', image_url: { url: 'data:,' } }], 'messages[0].content[0]'],
    [
      'audio',
      [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }],
      'messages[0].content[0]',
    ],
    ['nothing', '  ', 'messages'],
  ])('with %s are refused', async (_what, content, param) => {
    const messages = [
      { role: 'user', content },
    ] as ChatCompletionCreateParamsNonStreaming['messages']
    expect(await refused({ messages })).toMatchObject({ status: 400, param })
  })
  it('that end with an answer, or are not there, are refused', async () => {
    const messages = [...question('Hi?'), { role: 'assistant' as const, content: 'Well' }]
    expect(await refused({ messages })).toMatchObject({ status: 400, param: 'messages' })
    expect(await refused({ messages: [] })).toMatchObject({ status: 400, param: 'messages' })
  })
  it('that the context does not hold are refused', async () => {
    const error = await refused({ model: 'endless', messages: question('a b '.repeat(4000)) })
    expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded' })
  })
})

describe('fields', () => {
  const tool = { type: 'function' as const, function: { name: 'f', parameters: {} } }
  it('that Braid does not have are ignored, with a notice if they matter', async () => {
    const { content, braid } = await ask({
      tools: [tool],
      tool_choice: 'auto',
      presence_penalty: 0.5,
      logit_bias: { 5: 1 },
      frequency_penalty: 0,
      parallel_tool_calls: true,
      store: false,
      metadata: { a: 'b' },
      service_tier: 'auto',
      something_new: { x: 1 },
      response_format: { type: 'text' },
      user: 'me',
    })
    expect(content).toBe(HELLO)
    expect(braid.notices.map(({ message }) => message)).toEqual([
      "The field 'tools' has no effect.",
      "The field 'presence_penalty' has no effect.",
      "The field 'logit_bias' has no effect.",
    ])
  })
  it('of null count as absent', async () => {
    const nothing = { temperature: null, stop: null, n: null, logprobs: null, seed: null }
    expect((await ask(nothing)).content).toBe(HELLO)
  })
  it.each<[string, Body, string]>([
    ['temperature', { temperature: 3 }, 'temperature'],
    ['top_p', { top_p: 'x' as unknown as number }, 'top_p'],
    ['n', { n: 0 }, 'n'],
    ['n', { n: 1000 }, 'n'],
    ['max_tokens', { max_tokens: -1 }, 'max_tokens'],
    ['stop', { stop: 5 as unknown as string }, 'stop'],
    ['seed', { seed: 1.5 }, 'seed'],
    ['top_logprobs', { logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
    [
      'messages',
      { messages: [{ role: 'tool', content: 'x', tool_call_id: 'y' }] },
      'messages[0].role',
    ],
    ['braid.paths', { braid: { paths: 65 } }, 'braid.paths'],
    ['braid.strategy', { braid: { strategy: 'x' } }, 'braid.strategy'],
    ['a wrong key of braid', { braid: { pathz: 5 } }, 'braid.pathz'],
    ['tool_choice', { tools: [tool], tool_choice: 'required' }, 'tool_choice'],
    [
      'tool_choice',
      { tools: [tool], tool_choice: { type: 'function', function: { name: 'f' } } },
      'tool_choice',
    ],
    ['modalities', { modalities: ['text', 'audio'] }, 'modalities'],
  ])('%s that is wrong is named', async (_name, body, param) => {
    const error = await refused(body)
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param })
    expect(error.message).toContain(param)
  })
})

describe('a completion', () => {
  it('continues a prompt as it stands, without the chat template', async () => {
    const whole = await openai.completions.create({ model: 'hello', prompt: 'Say?' })
    expect(whole).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: HELLO, finish_reason: 'stop' }],
    })
    const { braid } = whole as unknown as { braid: BraidReport }
    expect(api.state(braid.runs[0]!.run).settings!.plainPrompt).toBe(true)
  })
  it('of a trained model has no control tokens', async () => {
    const { choices } = await openai.completions.create({
      model: 'braid-numbers-q8_0:parallel-2',
      prompt: 'Make 66 from 13, 15, 18 and 20.',
    })
    expect(choices[0]!.text).toMatch(/^\w[^<>]+$/)
  })
  it('streams, with log-probabilities', async () => {
    const stream = await openai.completions.create({
      model: 'hello',
      prompt: 'Say?',
      stream: true,
      logprobs: 2,
    })
    let text = ''
    for await (const { choices } of stream) {
      const logprobs = choices[0]?.logprobs
      for (const [i, token] of (logprobs?.tokens ?? []).entries())
        expect(HELLO.startsWith(token, logprobs!.text_offset![i])).toBe(true)
      text += choices[0]?.text ?? ''
    }
    expect(text).toBe(HELLO)
  })
  it('of several prompts has a choice for each', async () => {
    const { choices, usage } = await openai.completions.create({
      model: 'hello',
      prompt: ['Say?', 'And you say?'],
      n: 2,
      max_tokens: 2,
    })
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    expect(usage).toMatchObject({ completion_tokens: 8 })
  })
  it('takes a strategy', async () => {
    const { choices } = await openai.completions.create({
      model: 'hello:majority-3',
      prompt: 'Say?',
    })
    expect(choices[0]!.text).toBe(HELLO)
  })
  it.each([
    ['prompt', { prompt: [1, 2, 3] }],
    ['echo', { echo: true }],
    ['suffix', { suffix: 'x' }],
  ])('with %s that is not supported is refused', async (param, body) => {
    const promise = openai.completions.create({ model: 'hello', prompt: 'Say?', ...body })
    await expect(promise).rejects.toMatchObject({ status: 400, param })
  })
})

describe('a run', () => {
  const get = (path: string) =>
    fetch(api.url + path, { headers: { authorization: `Bearer ${openai.apiKey}` } })
  it('can be read and exported by its id', async () => {
    const { braid, content, whole } = await ask({ model: 'thinker:majority-3', seed: 1 })
    const { run } = braid.runs[0]!
    expect(await (await get(`/runs/${run}`)).json()).toMatchObject({
      id: run,
      object: 'run',
      status: 'ended',
      content,
      usage: whole.usage,
      ...braid.runs[0],
    })
    for (const [format, text] of [
      ['md', 'Path 2'],
      ['json', '"run-started"'],
      ['html', '<!doctype html>'],
    ] as const) {
      const answer = await get(`/runs/${run}/export?format=${format}`)
      expect(answer.status).toBe(200)
      expect((await answer.text()).toLowerCase()).toContain(text.toLowerCase())
    }
    expect((await get(`/runs/${run}/export?format=exe`)).status).toBe(400)
  })
  it('of the window stays unknown', async () => {
    const client = api.client()
    const models = await client.call('models.list', {})
    const { run } = await client.call('run.start', {
      request: {
        problem: 'Private?',
        model: models.find(({ name }) => name === 'hello')!.file,
        settings: { strategy: 'sequential', budget: 4 },
      },
    })
    await until(() =>
      api.store
        .list()
        .then((list) => list.some((one) => one.run === run && one.status === 'ended')),
    )
    for (const path of [
      `/runs/${run}`,
      `/runs/${run}/export`,
      '/runs/nobody',
      '/runs/..%2fsettings',
    ])
      expect([path, (await get(path)).status]).toEqual([path, 404])
  })
  it('is cancelled when its client leaves, with and without a stream', async () => {
    for (const stream of [true, false]) {
      const leave = new AbortController()
      const before = (await api.store.list()).length
      const going = openai.chat.completions
        .create(
          { model: 'endless', messages: question('Go on?'), stream, max_tokens: 4000, n: 2 },
          { signal: leave.signal },
        )
        .then(async (answer) => {
          if (Symbol.asyncIterator in answer) for await (const _ of answer) leave.abort()
        })
        .catch(() => undefined)
      await until(async () => (await api.store.list()).length >= before + 2, 'the runs')
      leave.abort()
      await going
      await until(
        async () => (await api.store.list()).every(({ status }) => status !== 'running'),
        'the end of the runs',
      )
      const [last] = await api.states()
      expect(last).toMatchObject({ endReason: 'cancelled' })
    }
  })
})
