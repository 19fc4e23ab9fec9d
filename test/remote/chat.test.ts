import { describe, expect, it } from 'vitest'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { remoteEngine, scripted, think } from './support.ts'

type Settings = RunRequest['settings']

describe('a server that only answers chats', () => {
  const strategies: [string, Settings][] = [
    ['parallel', { strategy: 'parallel', paths: 3, answerBy: 'summary' }],
    ['sequential', { strategy: 'sequential' }],
    ['majority', { strategy: 'majority', paths: 3 }],
    ['parallel-majority', { strategy: 'parallel-majority', paths: 2, runs: 2 }],
    ['refine', { strategy: 'refine', paths: 2, rounds: 2, reads: 2, answerBy: 'vote' }],
    ['stop decided', { strategy: 'majority', paths: 6, stop: 'decided', wave: 2 }],
  ]
  it.each(strategies)('follows %s', async (_, settings) => {
    const server = await scripted({ dialect: 'chat' })
    const run = await think(remoteEngine(), server, settings).end()
    expect(run.failure).toBeNull()
    expect(run.state.answer).toBe('42')
    const { tokens, text } = run.segment('p1')
    expect(text).toBe('The answer is \\boxed{42}.')
    expect(tokens.slice().every((token) => token.id === undefined)).toBe(true)
    expect(run.state.model!.capabilities).toMatchObject({ dialect: 'chat', tokens: false })
    expect(run.state.positions).toBeNull()
  })

  it('reads the paths as texts in a message of the user', async () => {
    const server = await scripted({ dialect: 'chat' })
    const settings = {
      strategy: 'parallel',
      paths: 2,
      answerBy: 'summary',
      system: 'Be brief.',
    } as const
    const run = await think(remoteEngine(), server, settings, 'How much is it?').end()
    expect(run.failure).toBeNull()
    const [first, , last] = server.texts.map(({ body }) => body.messages)
    expect(first).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'How much is it?' },
    ])
    expect(last).toHaveLength(2)
    const { content } = (last as { content: string }[])[1]!
    expect(content).toMatch(/^How much is it\?\n\n.*\n\nAttempt 1:\nThe answer is[^]*Attempt 2:/)
  })

  it.each(['reasoning', 'reasoning_content'] as const)('takes a thought from %s', async (field) => {
    const server = await scripted({
      dialect: 'chat',
      reasoning: { field, text: 'I wonder whether it is 41.' },
    })
    const run = await think(remoteEngine(), server, { strategy: 'majority', paths: 2 }).end()
    expect(run.failure).toBeNull()
    expect(run.segment('p1').text).toBe(
      '<think>\nI wonder whether it is 41.\n</think>\n\nThe answer is \\boxed{42}.',
    )
    expect(run.state.answer).toBe('42')
  })

  it('records log-probabilities where the server has them', async () => {
    const server = await scripted({ dialect: 'chat', logprobs: true })
    const run = await think(remoteEngine(), server, { strategy: 'sequential' }).end()
    expect(run.state.model!.capabilities).toMatchObject({ logprobs: true, alternatives: 0 })
    expect(run.segment('p1').tokens.at(0)).toEqual({ text: 'T', logprob: -0.25, entropy: null })
  })

  it.each<[string, Settings]>([
    ['asking paths on the way', { strategy: 'majority', stop: 'stable' }],
    ['confidence', { strategy: 'majority', weight: 'confidence' }],
    ['top-k', { sampling: { topK: 40 } }],
    ['min-p', { sampling: { minP: 0.1 } }],
    ['a repetition penalty', { sampling: { repetitionPenalty: 1.1 } }],
    ['enable_thinking', { templateVariables: { enable_thinking: false } }],
    ['merge', { strategy: 'merge' }],
  ])('refuses %s with the reason', async (_, settings) => {
    const server = await scripted({ dialect: 'chat' })
    const run = await think(remoteEngine(), server, settings).end()
    expect(run.failure).toMatchObject({ code: 'bad-combination' })
    expect(server.texts).toEqual([])
  })

  it('gets the JSON schema of an answer, and of a summary only', async () => {
    const server = await scripted({ dialect: 'chat' })
    const schema = { type: 'object' }
    const settings = { strategy: 'parallel', paths: 2, schema: JSON.stringify(schema) } as const
    const run = await think(remoteEngine(), server, settings).end()
    expect(run.failure).toBeNull()
    const formats = server.texts.map(({ body }) => body.response_format)
    const json_schema = { name: 'answer', strict: true, schema }
    expect(formats).toEqual([undefined, undefined, { type: 'json_schema', json_schema }])
  })

  it('refuses to branch and to extend, and still summarises again', async () => {
    const server = await scripted({ dialect: 'chat' })
    const settings = { strategy: 'parallel', paths: 2, budget: 8, answerBy: 'summary' } as const
    const run = await think(remoteEngine(), server, settings).end()
    for (const command of [
      { type: 'branch', segment: 'p1', at: 2 },
      { type: 'extend', segment: 'p1', tokens: 8 },
    ] as const)
      await expect(run.handle.command(command)).rejects.toMatchObject({
        detail: { detail: 'bad-combination/server-continue' },
      })
    await run.after({ type: 'summarise', segments: ['p2'] })
    expect(run.state.summaries).toHaveLength(2)
  })
})
