import { describe, expect, it } from 'vitest'
import { pathId } from '../../engine/protocol/events.ts'
import { newEngine, solve, tinyFile, type Settings, type Watched } from './support.ts'

const engine = newEngine()
const stock = tinyFile({ seed: 34, pairs: 0, thoughts: 0 })
const native = tinyFile({ seed: 34, endless: true })
const settings: Settings = {
  budget: 4,
  summaryBudget: 4,
  finish: 'last',
  sampling: { temperature: 0 },
}
const code = (code: string) => expect.objectContaining({ code }) as Error

/** Starts a run whose paths give these answers before they continue. */
const answering = (answers: string[], file: typeof stock, more: Settings) =>
  solve(
    engine,
    file.file,
    'the',
    { ...settings, paths: answers.length, ...more },
    {
      given: new Map(
        answers.map((answer, i) => [
          pathId(i + 1),
          [...`\\boxed{${answer}}`].map((letter) => file.model.vocabulary.id(letter)),
        ]),
      ),
    },
  )

const votes =
  (n: number) =>
  (_: unknown, { events }: Watched) =>
    events.filter(({ type }) => type === 'vote').length === n

describe('the answer of a run', () => {
  it('is that of a summary that was asked for, where a path had the say before', async () => {
    for (const strategy of ['sequential', 'majority'] as const) {
      const run = await answering(['7'], stock, { strategy })
      expect(run.state.answer).toBe('7')
      await run.after({ type: 'summarise' })
      expect(run.state.answer).toBe(run.state.summaries[0]!.answer?.text ?? null)
    }
  })

  it('is counted again when a path of an ended run is dropped', async () => {
    const run = await answering(['7', '7', '8'], stock, { strategy: 'majority' })
    expect(run.state.answer).toBe('7')
    const { usage } = run.state
    await run.handle.command({ type: 'drop', segment: 'p1' })
    await run.until(votes(2))
    expect([run.state.answer, run.state.votes[0]!.tie]).toEqual(['7', true])
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.end(2)
    expect(run.state).toMatchObject({
      status: 'ended',
      answer: '8',
      usage,
      votes: [{ classes: [{ answer: '8', members: ['p3'] }] }],
    })
    // Taken back, they count again.
    for (const segment of ['p1', 'p2']) await run.handle.command({ type: 'restore', segment })
    await run.until((_, now) => now.state.answer === '7' && now.state.status === 'ended')
    expect(run.state).toMatchObject({
      usage,
      votes: [{ classes: [{ answer: '7', members: ['p1', 'p2'] }, { answer: '8' }] }],
    })
    const groups = await answering(['7', '8'], native, { strategy: 'majority' })
    await groups.handle.command({ type: 'drop', segment: 'p1' })
    await groups.until(votes(2))
    expect(groups.state.votes[0]!.classes.map(({ members }) => members)).toEqual([['s2']])
  })

  it('chosen by hand stays when the vote is counted again, while somebody gives it', async () => {
    const run = await answering(['7', '7', '8'], stock, { strategy: 'majority' })
    await run.handle.command({ type: 'override-vote', member: 'p3' })
    await run.after({ type: 'branch', segment: 'p1', at: 9 })
    expect(run.state).toMatchObject({
      answer: '8',
      votes: [
        { chosen: 'p3', winner: 1, classes: [{ members: ['p1', 'p2', 'p4'] }, { answer: '8' }] },
      ],
    })
    await run.handle.command({ type: 'drop', segment: 'p3' })
    await run.end(3)
    expect(run.state.answer).toBe('7')
    expect(run.state.votes[0]!.chosen).toBeUndefined()
  })

  it("chosen by hand is the member's, though the classes change their order", async () => {
    const run = await answering(['7', '7', '8', '8', '8'], stock, { strategy: 'majority' })
    expect(run.state.votes[0]!.classes.map(({ answer }) => answer)).toEqual(['8', '7'])
    await run.handle.command({ type: 'override-vote', member: 'p2' })
    for (const segment of ['p3', 'p4']) await run.handle.command({ type: 'drop', segment })
    await run.until(votes(4))
    const chosen = { answer: '7', members: ['p1', 'p2'] }
    expect(run.state.votes).toMatchObject([
      { chosen: 'p2', winner: 0, classes: [chosen, { answer: '8', members: ['p5'] }] },
    ])
    expect(run.state.answer).toBe('7')
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.until(votes(5))
    expect(run.state.votes).toMatchObject([{ chosen: 'p1', winner: 0 }])
    expect(run.state.answer).toBe('7')
  })

  it('can be chosen by hand where there was no vote, until a later summary', async () => {
    const run = await answering(['7', '8'], native, {})
    await expect(run.handle.command({ type: 'override-vote', member: 'p3' })).rejects.toThrowError(
      code('no-such-path'),
    )
    await run.handle.command({ type: 'override-vote', member: 'p2' })
    await run.until(votes(1))
    expect(run.state).toMatchObject({
      answer: '8',
      votes: [
        {
          over: 'paths',
          chosen: 'p2',
          winner: 1,
          classes: [
            { answer: '7', members: ['p1'] },
            { answer: '8', members: ['p2'] },
          ],
        },
      ],
    })
    await run.after({ type: 'extend', segment: 'p1', tokens: 2 })
    expect(run.state.answer).toBe('8')
    await run.after({ type: 'summarise' })
    expect(run.state.answer).toBe(run.state.summaries[1]!.answer?.text ?? null)
  })
})
