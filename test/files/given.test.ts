import { homedir } from 'node:os'
import { expect, it } from 'vitest'
import { givenPath } from '../../engine/files/index.ts'

it.each([
  ['/models/x.gguf', '/models/x.gguf'],
  [' /models/x.gguf\n', '/models/x.gguf'],
  ['"C:\\Models\\x y.gguf"', 'C:\\Models\\x y.gguf'],
  ["'/models/x y.gguf'", '/models/x y.gguf'],
  ['~/x.gguf', `${homedir()}/x.gguf`],
  ['~', homedir()],
  ['~other/x.gguf', '~other/x.gguf'],
  ['"', '"'],
  ['file://%', 'file://%'],
])('%j', (given, path) => expect(givenPath(given)).toBe(path))

it.skipIf(process.platform === 'win32')('the address of a file', () => {
  expect(givenPath('file:///models/x%20y.gguf')).toBe('/models/x y.gguf')
  expect(givenPath('"file:///models/x.gguf"')).toBe('/models/x.gguf')
})
