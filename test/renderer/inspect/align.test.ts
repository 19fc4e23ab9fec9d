import fc from 'fast-check'
import { expect, test } from 'vitest'
import { align, sentences, type AlignedRow } from '../../../renderer/inspect/align.ts'

const column = (rows: AlignedRow[], i: number) => rows.map((row) => row.cells[i]!.map((piece) => piece.text).join('')).join('')

test('every text can be read whole down its column', () => {
  const text = fc.array(fc.constantFrom('One. ', 'Two! ', 'Three?\n\n', 'four ', '五。', '\n'), { maxLength: 12 }).map((list) => list.join(''))
  fc.assert(fc.property(fc.array(text, { minLength: 2, maxLength: 4 }), (texts) => {
    const rows = align(texts)!
    texts.forEach((one, i) => expect(column(rows, i)).toBe(one))
    for (const row of rows) if (row.same) for (const cell of row.cells) expect(cell).toEqual(row.cells[0])
  }))
})

test('equal sentences share a row, differences stand side by side, word by word', () => {
  const rows = align(['Same here. It is 5. The end.', 'Same here. It is 7. The end.'])!
  expect(rows.map((row) => row.same)).toEqual([true, false, true])
  expect(rows[1]!.cells[0]!.find((piece) => piece.kind === 'own')?.text).toContain('5')
  expect(rows[1]!.cells[1]!.find((piece) => piece.kind === 'own')?.text).toContain('7')
})

test('sentences lose nothing', () => {
  fc.assert(fc.property(fc.string(), (text) => { expect(sentences(text).join('')).toBe(text) }))
})
