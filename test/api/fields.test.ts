import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions'
import { describe, expect, it } from 'vitest'
import {
  api,
  ask,
  HELLO,
  openai,
  question,
  refused,
  streamed,
  textOf,
  type Body,
} from './questions.ts'
import type { BraidReport } from './support.ts'

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
