import { expect, it } from 'vitest'
import { findPhrases } from '../../scripts/phrases.ts'

it.each([
  ['// The page is built anew.', 'anew'],
  ['// A path that ended is no failure.', 'is no failure'],
  ['// It takes so many cells.', 'so many'],
  ['// Kept so long as it is open.', 'so long as it'],
  ['// The load is told by the system.', 'told by'],
  ['/** Of a run, its first event. */', '/** Of'],
  [' * Of the paths, those that ended.', '* Of'],
  ["const label = 'Tokens a path'", 'Tokens a path'],
])('%s', (text, found) => {
  expect(findPhrases(`first line\n${text}`)).toMatchObject([{ line: 2, found }])
})

it.each([
  '// The run is no longer open.',
  '// There is no file.',
  '// There are so many that a list is needed.',
  '// One of the paths ended.',
  '// Of course it can fail.',
  'export const tokens = a + path',
])('nothing in: %s', (text) => expect(findPhrases(text)).toEqual([]))
