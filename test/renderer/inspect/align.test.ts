import fc from 'fast-check'
import { expect, test } from 'vitest'
import { align, piecesOf, sentences, type AlignedRow } from '../../../renderer/inspect/align.ts'
import { random } from '../synthetic.ts'

const column = (rows: AlignedRow[], i: number) =>
  rows
    .map((row) =>
      piecesOf(row)
        [i]!.map((piece) => piece.text)
        .join(''),
    )
    .join('')

test('every text can be read whole down its column', () => {
  const text = fc
    .array(fc.constantFrom('One. ', 'Two! ', 'Three?\n\n', 'four ', '五。', '\n'), {
      maxLength: 12,
    })
    .map((list) => list.join(''))
  fc.assert(
    fc.property(fc.array(text, { minLength: 2, maxLength: 4 }), (texts) => {
      const rows = align(texts)
      texts.forEach((one, i) => expect(column(rows, i)).toBe(one))
      for (const row of rows)
        if (row.same) for (const text of row.texts) expect(text).toBe(row.texts[0])
    }),
  )
})

test('equal sentences share a row, differences stand side by side, word by word', () => {
  const rows = align(['Same here. It is 5. The end.', 'Same here. It is 7. The end.'])
  const cells = piecesOf(rows[1]!)
  expect(rows.map((row) => row.same)).toEqual([true, false, true])
  expect(cells[0]!.find((piece) => piece.kind === 'own')?.text).toContain('5')
  expect(cells[1]!.find((piece) => piece.kind === 'own')?.text).toContain('7')
})

test('sentences lose nothing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(sentences(text).join('')).toBe(text)
    }),
  )
})

test('a sentence that was moved or repeated breaks no order; what is equal beside it is found', () => {
  const rows = align(['A. B. B. C. D. ', 'D. A. B. B. X. C. '])
  expect(rows.map(({ same, texts }) => [same, ...texts])).toEqual([
    [false, '', 'D. '],
    [true, 'A. ', 'A. '],
    [true, 'B. ', 'B. '],
    [true, 'B. ', 'B. '],
    [false, '', 'X. '],
    [true, 'C. ', 'C. '],
    [false, 'D. ', ''],
  ])
})

test('long texts that have nothing in common become rows that can be drawn', () => {
  const next = random(5)
  const long = (word: string) =>
    Array.from(
      { length: 4000 },
      (_, i) =>
        `${word}${Math.floor(next() * 1e6)} and ${i} the${i % 7 === 0 ? '' : ' one'} that is.`,
    ).join(' ')
  const texts = [long('a'), long('b'), 'x'.repeat(100_001), '']
  const rows = align(texts)
  texts.forEach((text, o) => expect(rows.map((row) => row.texts[o]).join('')).toBe(text))
  expect(
    Math.max(...rows.flatMap((row) => row.texts.map((text) => text.length))),
  ).toBeLessThanOrEqual(2000)
})
