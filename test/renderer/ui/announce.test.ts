import i18next from 'i18next'
import { afterEach, expect, test } from 'vitest'
import type { RunEvent } from '../../../engine/protocol/events.ts'
import { foldRun } from '../../../engine/protocol/fold.ts'
import { pathId } from '../../../engine/protocol/segments.ts'
import { t } from '../../../renderer/i18n/index.ts'
import { describeRun } from '../../../renderer/ui/announce.ts'
import { BALLS, pathStarted, scripted, summaryStarted } from '../synthetic.ts'

const [started] = scripted({ ...BALLS, run: 'one' })
const token = (path: number): RunEvent => ({
  type: 'tokens',
  at: 1,
  segment: pathId(path),
  tokens: [{ id: 1, text: 'a', logprob: -1, entropy: 1 }],
})
const ended = (path: number): RunEvent => ({
  type: 'segment-ended',
  at: 2,
  segment: pathId(path),
  reason: 'finished',
  answer: null,
})
const sentence = (...events: RunEvent[]) =>
  describeRun(foldRun([started!, ...events], { live: true }), t)

afterEach(() => i18next.changeLanguage('en'))

test('a running run is counted in the singular and the plural', async () => {
  const both = [pathStarted(1), pathStarted(2)]
  expect(sentence(...both)).toBe('Thinking')
  expect(sentence(...both, token(1), ended(1))).toBe('1 path thinking, 1 done, 1 token')
  expect(sentence(...both, token(1), ended(1), token(2), ended(2))).toBe(
    '0 paths thinking, 2 done, 2 tokens',
  )
  await i18next.changeLanguage('zh')
  expect(sentence(...both, token(1), ended(1))).toBe('1 条路径思考中，1 条已完成，共 1 个词元')
})

test('a run that waits says its place, and a summary that has no text yet that the paths are read', async () => {
  const state = foldRun([started!, pathStarted(1)], { live: true })
  expect(describeRun(state, t, 1)).toBe('Waiting for other runs to end: this one is next.')
  expect(describeRun(state, t, 2)).toBe(
    'Waiting for other runs to end: this one is number 2 in line.',
  )
  expect(describeRun(state, t)).toBe('Thinking')
  const summary = summaryStarted('s1', ['p1'])
  expect(sentence(pathStarted(1), token(1), ended(1), summary)).toBe('Reading 1 path')
  expect(
    sentence(pathStarted(1), token(1), ended(1), summary, {
      ...token(1),
      segment: 's1',
    } as RunEvent),
  ).toBe('Writing the summary, 2 tokens so far')
})

test('what the host says of a run is announced with its percentage: loading and reading', async () => {
  const state = foldRun([started!, pathStarted(1)], { live: true })
  const loading = { phase: 'loading', paths: 0, fraction: 0.43 } as const
  const model = '/models/qwen2.5-coder-1.5b.gguf'
  expect(describeRun(foldRun([]), t, null, loading, model)).toBe('Loading qwen2.5-coder-1.5b 43 %')
  const reading = { phase: 'reading', paths: 8, fraction: 0.426 } as const
  expect(describeRun(state, t, null, reading)).toBe('Reading 8 paths 43 %')
  await i18next.changeLanguage('zh')
  expect(describeRun(state, t, null, reading)).toBe('正在读取 8 条路径 43 %')
})

test('paths that share nothing diverge from the first token', async () => {
  const shared = () => [0, 1, 2].map((count) => t('overview.shared', { count }))
  expect(shared()).toEqual([
    'The paths diverge from the first token.',
    'The paths share their first token.',
    'The paths share their first 2 tokens.',
  ])
  await i18next.changeLanguage('zh')
  expect(shared()[0]).toBe('各路径从首个词元起就不同。')
})
