import { expect, test } from 'vitest'
import { foldRun } from '../../../engine/protocol/fold.ts'
import { RunSettings } from '../../../engine/protocol/request.ts'
import { headsOf, settingRows } from '../../../renderer/inspect/compare-settings.ts'
import { t } from '../../../renderer/i18n/index.ts'
import { settingName, settingWords } from '../../../renderer/inspect/setting-words.ts'
import { begun, SETTINGS } from '../synthetic.ts'

const state = (settings: Partial<RunSettings>) => foldRun(begun('r', 2, settings))

test('settings of runs: those that differ, also where one run does not have it, and those that are equal', () => {
  const rows = settingRows([
    state({ seed: 7 }),
    state({ seed: 8, sampling: { ...SETTINGS.sampling, topK: 3 } }),
    state({ seed: 7, tail: 9 }),
  ])
  expect(rows.filter(({ same }) => !same)).toEqual([
    { key: 'seed', values: [7, 8, 7], same: false },
    {
      key: 'sampling.topK',
      values: [SETTINGS.sampling.topK, 3, SETTINGS.sampling.topK],
      same: false,
    },
    { key: 'tail', values: [undefined, undefined, 9], same: false },
  ])
  expect(rows.slice(0, 3).map(({ key }) => key)).toEqual(['model', 'strategy', 'paths'])
  expect(rows.find(({ key }) => key === 'model')).toMatchObject({ same: true })
})

test('every setting has a name and words for its value', () => {
  for (const { key, values } of settingRows([state({ tail: 9, alone: true, question: 'auto' })])) {
    expect(settingName(key, t), key).not.toBe(key)
    expect(settingWords(key, values[0], t), key).not.toMatch(/^[a-z]+\.[a-z]|undefined|object/)
  }
  const groups = ['sampling', 'controls', 'engine', 'templateVariables']
  for (const key of Object.keys(RunSettings.shape).filter((name) => !groups.includes(name)))
    expect(settingName(key, t), key).not.toBe(key)
  expect(settingWords('strategy', 'majority', t)).toBe('Majority vote')
  expect(settingWords('vote', 'behaviour', t)).toBe('behaviour')
  expect(settingWords('tail', undefined, t)).toBe('–')
})

test('settings of a stranger are values and names like any others', () => {
  const strange = {
    x: null,
    toString: 1,
    constructor: 'y',
    ['__proto__x']: { a: null, b: { c: [1] }, valueOf: true },
    hasOwnProperty: [],
    list: [{ a: 1 }],
  } as unknown as Partial<RunSettings>
  const rows = settingRows([state(strange), state({})])
  const shown = Object.fromEntries(
    rows.map(({ key, values }) => [settingName(key, t), settingWords(key, values[0], t)]),
  )
  expect(shown).toMatchObject({
    x: 'null',
    constructor: 'y',
    '__proto__x.b': '{"c":[1]}',
    '__proto__x.valueOf': 'On',
    'list.0': '{"a":1}',
  })
  for (const name of [
    'toString',
    'valueOf',
    'hasOwnProperty',
    'constructor',
    'sampling.__proto__',
  ]) {
    expect(settingName(name, t)).toBe(name)
    expect(settingWords(name, 'text', t)).toBe('text')
  }
})

test('a run is headed by what tells it apart', () => {
  const heads = (...runs: [title: string, facts: string[], ...others: string[]][]) =>
    headsOf(runs.map(([title, facts, ...others]) => ({ title, facts, others })))
  expect(heads(['A', ['m', 's']], ['B', ['m', 's']])).toEqual([
    { title: 'A', more: 'm · s' },
    { title: 'B', more: 'm · s' },
  ])
  expect(heads(['A', ['m', 's', '4']], ['A', ['m', 'v', '8']])).toEqual([
    { title: 's · 4', more: 'm' },
    { title: 'v · 8', more: 'm' },
  ])
  expect(heads(['A', ['m'], 'Seed 1', 'Monday'], ['A', ['m'], 'Seed 2', 'Monday'])).toEqual([
    { title: 'Seed 1', more: 'm' },
    { title: 'Seed 2', more: 'm' },
  ])
  const three = heads(
    ['A', ['s'], 'Seed 1', 'Tail 5', 'Monday'],
    ['A', ['v'], 'Seed 1', 'Tail 9', 'Monday'],
    ['A', ['s'], 'Seed 1', 'Tail 7', 'Tuesday'],
  )
  expect(three.map(({ title }) => title)).toEqual(['s · Tail 5', 'v', 's · Tail 7'])
  expect(heads(['A', ['m'], 'Monday'])).toEqual([{ title: '', more: 'm' }])
})
