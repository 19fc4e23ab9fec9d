import i18next from 'i18next'
import { afterEach, expect, test } from 'vitest'
import type { Doing } from '../../../engine/protocol/doing.ts'
import type { RunProgress } from '../../../engine/protocol/wire.ts'
import { receiveActivity, useActivity } from '../../../renderer/store/activity.ts'
import { titleOf } from '../../../renderer/store/title.ts'

const run = (doing: Doing | null, more: Partial<RunProgress> = {}): RunProgress => ({
  run: 'r1',
  title: 'How many eggs?',
  model: '/models/small-q4.gguf',
  status: doing === null ? 'ended' : 'running',
  answer: null,
  doing,
  ...more,
})
const doing = (phase: Doing['phase'], fraction: number | null = null): Doing => ({
  phase,
  paths: 4,
  fraction,
})

afterEach(() => i18next.changeLanguage('en'))

test('the title says what the run does, with the fraction of the taskbar', async () => {
  expect(titleOf([], null)).toBe('Braid')
  const title = (one: Doing) => titleOf([run(one)], null)
  expect(title(doing('loading', 0.434))).toBe('Loading small-q4 43 % – How many eggs? – Braid')
  expect(title(doing('thinking', 0.2))).toBe('Thinking 20 % – How many eggs? – Braid')
  expect(title(doing('reading', 0.5))).toBe('Reading 4 paths 50 % – How many eggs? – Braid')
  expect(title(doing('summarising', 0.8))).toBe('Summarising 80 % – How many eggs? – Braid')
  expect(titleOf([run(doing('reading', 0.5)), run(doing('thinking', 0.1))], null)).toBe(
    '2 runs at work 30 % – Braid',
  )
  await i18next.changeLanguage('zh')
  expect(title(doing('reading', 0.5))).toBe('正在读取 4 条路径 50 % – How many eggs? – Braid')
})

test('a run that ended while the user looked elsewhere is told until the user has seen it', () => {
  const after = (ended: RunProgress) => {
    receiveActivity([ended], true)
    const { runs, unseen } = useActivity.getState()
    return titleOf(Object.values(runs), unseen)
  }
  expect(after(run(null, { answer: '32' }))).toBe('Done. Answer: 32 – How many eggs? – Braid')
  expect(after(run(null, { outcome: 'cut' }))).toBe('Cut short – How many eggs? – Braid')
  expect(after(run(null, { status: 'failed' }))).toBe('Failed – How many eggs? – Braid')
  useActivity.setState({ unseen: null })
  receiveActivity([run(null, { answer: '32' })], false)
  expect(useActivity.getState().unseen).toBeNull()
})
