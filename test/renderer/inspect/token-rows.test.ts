import { expect, test } from 'vitest'
import { TokenList } from '../../../engine/protocol/token-list.ts'
import { TokenRows } from '../../../renderer/inspect/token-rows.ts'

const list = (texts: readonly string[]): TokenList =>
  TokenList.from(texts.map((text, id) => ({ id, text, logprob: null, entropy: null })))
const rowsOf = (texts: readonly string[]): string[] => {
  const rows = new TokenRows()
  for (let n = 1; n <= texts.length; n++) rows.advance(list(texts.slice(0, n)))
  return rows.rows.map(({ start, end }) => texts.slice(start, end).join(''))
}

test('a row ends after a token that ends a line, and before one that begins with the break', () => {
  expect(rowsOf(['a', ' b', '\n', 'c'])).toEqual(['a b\n', 'c'])
  expect(rowsOf(['<think1>', '\nTry', ' 1', '\n2', ' +'])).toEqual(['<think1>', '\nTry 1', '\n2 +'])
  expect(rowsOf(['a', '\n\n', '\nb'])).toEqual(['a\n\n', '\nb'])
  expect(rowsOf(['x\ny', 'z'])).toEqual(['x\nyz'])
})

test('a line without an end is cut, and every token is in one row', () => {
  const texts = Array.from({ length: 400 }, (_, i) => ` ${i}`)
  const rows = new TokenRows()
  rows.advance(list(texts))
  expect(rows.rows.map(({ start, end }) => [start, end])).toEqual([
    [0, 160],
    [160, 320],
    [320, 400],
  ])
  expect(rows.rowOf(160)).toBe(1)
})
