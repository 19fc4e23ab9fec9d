import { describe, expect, it } from 'vitest'
import { until } from '../support/test-client.ts'
import { api, ask, HELLO, openai, question } from './questions.ts'
import type { BraidReport } from './support.ts'

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
