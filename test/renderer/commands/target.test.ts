import { beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { pathId, summaryId, type EventOf, type RunEvent } from '../../../engine/protocol/events.ts'
import { commandOf } from '../../../renderer/commands/catalogue.ts'
import { currentTarget } from '../../../renderer/commands/target.ts'
import { useCompose } from '../../../renderer/store/compose.ts'
import { useHistory } from '../../../renderer/store/history.ts'
import { host, setConnect } from '../../../renderer/store/host.ts'
import { useRoute } from '../../../renderer/store/route.ts'
import { openLocal } from '../../../renderer/store/runs.ts'
import { activate, useUi } from '../../../renderer/store/ui.ts'
import { FakeHost } from '../fake-host.ts'
import { BALLS, scripted, summaryStarted } from '../synthetic.ts'

const answer = (text: string) => ({
  text,
  span: [0, 1] as [number, number],
  kind: 'boxed' as const,
})
const summary = (number: number, at: number, text: string): RunEvent[] => {
  const segment = summaryId(number)
  return [
    summaryStarted(segment, [pathId(number)], at),
    { type: 'tokens', at, segment, tokens: [{ id: 1, text, logprob: -1, entropy: 1 }] },
    { type: 'segment-ended', at, segment, reason: 'finished', answer: answer(text) },
  ]
}
const [start, ...rest] = scripted({ ...BALLS, run: 'one' })
const ended = rest.at(-1) as EventOf<'run-ended'>
const vote: RunEvent = {
  type: 'vote',
  at: 20,
  rule: 'equality',
  over: 'summaries',
  classes: [
    { answer: '7', members: ['s2', 's4'] },
    { answer: '5', members: ['s1'] },
    { answer: '9', members: ['s3'] },
  ],
  winner: 0,
  tie: false,
}
const groups: RunEvent[] = [
  start!,
  ...summary(1, 10, '5'),
  ...summary(2, 10, '7'),
  ...summary(3, 10, '9'),
  ...summary(4, 10, '7'),
  vote,
  { ...ended, at: 30, answer: '7' },
]

let copied: string[] = []
const copy = async () => {
  copied = []
  const command = commandOf('copy.answer')
  const target = currentTarget()
  expect(command.why(target)).toBeNull()
  command.run(target)
  await vi.waitFor(() => expect(copied).toHaveLength(1), 60_000)
  return copied[0]
}

beforeAll(() => {
  vi.stubGlobal('location', { hash: '' })
  vi.stubGlobal('history', { pushState: () => undefined })
  vi.stubGlobal('navigator', {
    clipboard: {
      writeText: async (text: string) => {
        copied.push(text)
      },
    },
  })
})
beforeEach(() => {
  useUi.setState({ active: {} })
  useRoute.setState({ route: { view: 'run', run: 'one' } })
})

test('of several groups, the summary that won the vote is the one that commands are about', async () => {
  openLocal('one', groups)
  expect(currentTarget().summary).toBe('s2')
  expect(await copy()).toBe('7')
  activate('one', 's3')
  expect(currentTarget().summary).toBe('s3')
  expect(await copy()).toBe('9')
})

test('a choice by hand counts, and so does a summary written since', async () => {
  openLocal('one', [...groups, { ...vote, at: 40, winner: 2, chosen: 's3' }])
  expect([currentTarget().summary, await copy()]).toEqual(['s3', '9'])
  openLocal('one', [...groups, ...summary(5, 50, '6'), { ...ended, at: 60, answer: '6' }])
  expect([currentTarget().summary, await copy()]).toEqual(['s5', '6'])
})

test('a run that waits for room can be cancelled, also if it has ended before', async () => {
  const fake = new FakeHost()
  const asked: string[] = []
  fake.onCommand = ({ command }) => {
    asked.push(command.type)
    return {}
  }
  setConnect(async () => fake.channel())
  await host.start()
  openLocal('one', [start!, ...rest])
  const stop = commandOf('run.stopAll')
  const target = currentTarget()
  expect(stop.why(target)).not.toBeNull()
  useUi.setState({ waiting: { one: 1 } })
  expect(stop.why(target)).toBeNull()
  stop.run(target)
  await vi.waitFor(() => expect(asked).toEqual(['cancel']), 60_000)
  useUi.setState({ waiting: {} })
})

test('a run is edited as the follow-up that it was', () => {
  openLocal('one', [
    { ...(start as EventOf<'run-started'>), followUp: { run: 'first', segment: 's2' } },
    ...rest,
  ])
  const edit = () => {
    commandOf('run.edit').run(currentTarget({ run: 'one' }))
    return useCompose.getState().followUp
  }
  expect(edit()).toEqual({ run: 'first', segment: 's2', title: 'first' })
  const fake = new FakeHost()
  fake.add(scripted({ ...BALLS, run: 'first' }))
  useHistory.setState({ list: [fake.runs.get('first')!.summary] })
  expect(edit()?.title).toBe(BALLS.problem.slice(0, 120))
})
