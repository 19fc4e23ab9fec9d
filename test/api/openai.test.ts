import { describe, expect, it } from 'vitest'
import { PROOF, THINKING } from '../support/scripts.ts'
import { api, ask, HELLO, openai, question, refused, streamed, textOf } from './questions.ts'

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
