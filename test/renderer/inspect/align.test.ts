import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { align, marksOf, partsAt, type AlignedRow } from '../../../renderer/inspect/align.ts'
import { sentencesOf, unitsOf } from '../../../renderer/inspect/units.ts'
import { random } from '../synthetic.ts'

const column = (rows: readonly AlignedRow[], i: number, text: string) =>
  rows.map(({ cells }) => (cells[i] ? text.slice(cells[i].start, cells[i].end) : '')).join('')
const drawn = (texts: readonly string[]) =>
  align(texts).map(({ kind, cells }) => [
    kind,
    ...cells.map((cell, i) => (cell === null ? '' : texts[i]!.slice(cell.start, cell.end).trim())),
  ])
const marked = (texts: readonly string[], row = 0) => {
  const aligned = align(texts)[row]!
  return marksOf(aligned, texts).map((ranges, i) =>
    ranges.map(([from, to]) => {
      const start = aligned.cells[i]!.start
      return texts[i]!.slice(start + from, start + to)
    }),
  )
}
const sentences = (text: string) =>
  sentencesOf(text).map(([from, to]) => text.slice(from, to).trim())
const units = (text: string) => unitsOf(text).map(({ start, end }) => text.slice(start, end).trim())

const piece = fc.constantFrom(
  'One. ',
  'Two! ',
  'Three?\n\n',
  'four ',
  '五。',
  '\n',
  '\n\n',
  '- item\n',
  '2. second\n',
  '```\n',
  '$x$',
  '\\[',
  '\\]',
  '# H\n',
  '`',
  '  ',
)
const anyText = fc.array(piece, { maxLength: 14 }).map((list) => list.join(''))

describe('units and sentences', () => {
  test('lose nothing', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string()), (text) => {
        for (const ranges of [
          sentencesOf(text),
          unitsOf(text).map((u) => [u.start, u.end] as const),
        ]) {
          let at = 0
          for (const [from, to] of ranges) {
            expect(from).toBe(at)
            expect(to).toBeGreaterThan(from)
            at = to
          }
          expect(at).toBe(text.length)
        }
      }),
    )
  })

  test('a number of a list, a decimal, an abbreviation, code and formulas end no sentence', () => {
    for (const text of [
      '1. Take the first.',
      '**2. Then** take 2.5 of it.',
      'It is 3.14 or 2. 5 is too much'.replace('2. 5', '2.5'),
      'See e.g. Fig. 2 and Eq. (3) by Dr. Smith.',
      'The sum (i.e. the total) of approx. 5 is it.',
      'With $a. B$ and `x. Y` it holds.',
      'It goes on ... and on.',
      'The U.S. Army has it.',
    ])
      expect(sentences(text), text).toEqual([text])
    expect(sentences('It is 2.5. Then **so.** And 7? Yes!')).toEqual([
      'It is 2.5.',
      'Then **so.**',
      'And 7?',
      'Yes!',
    ])
    expect(sentences('一。二！三')).toEqual(['一。', '二！', '三'])
    expect(sentences('So\n\\[ a. B = 1. \\]\nand then')).toEqual([
      'So',
      '\\[ a. B = 1. \\]',
      'and then',
    ])
  })

  test('paragraphs, headings, items of a list, code and formulas are units', () => {
    expect(
      units(
        '## Title\nWords.\nMore.\n\n1. one\n   more of it\n2. two\n   - nested\n\nText\n```py\n- x\n\ny\n```\n$$\n1\n- 2\n$$\n\nend',
      ),
    ).toEqual([
      '## Title',
      'Words.\nMore.',
      '1. one\n   more of it',
      '2. two\n   - nested',
      'Text',
      '```py\n- x\n\ny\n```',
      '$$\n1\n- 2\n$$',
      'end',
    ])
    expect(units('## Title\n\nWords.')).toEqual(['## Title', 'Words.'])
    expect(units('- ```\n- no\n  ```\n- b')).toEqual(['- ```\n- no\n  ```', '- b'])
  })
})

describe('texts side by side', () => {
  test('every text can be read whole down its column', () => {
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 2, maxLength: 4 }), (texts) => {
        const rows = align(texts)
        texts.forEach((one, i) => expect(column(rows, i, one)).toBe(one))
        for (const row of rows) {
          if (row.kind === 'same')
            for (const cell of row.cells) expect(cell!.key).toBe(row.cells[0]!.key)
          const marks = marksOf(row, texts)
          expect(marks).toHaveLength(texts.length)
          marks.forEach((ranges, i) => {
            let at = 0
            for (const [from, to] of ranges) {
              expect(from).toBeGreaterThanOrEqual(at)
              expect(to).toBeGreaterThan(from)
              at = to
            }
            if (ranges.length > 0)
              expect(at).toBeLessThanOrEqual(row.cells[i]!.end - row.cells[i]!.start)
          })
        }
      }),
    )
  })

  test('equal ones share a row, nearly equal ones stand side by side with what differs marked', () => {
    const texts = [
      'Same here.\n\nLet us add. It is 5 in all. The end.\n\nOnly here.\n\nLast.',
      'Same here.\n\nLet us add. It is 7 in all. The end.\n\nLast.',
    ]
    expect(drawn(texts).map(([kind]) => kind)).toEqual(['same', 'alike', 'own', 'same'])
    expect(marked(texts, 1)).toEqual([['5'], ['7']])
    expect(drawn(texts)[2]).toEqual(['own', 'Only here.', ''])
  })

  test('a sentence that only one has is marked whole', () => {
    expect(
      marked([
        'We add the two numbers now. It rains today! Then we stop there.',
        'We add the two numbers now. Then we stop there. And nothing is left to do.',
      ]),
    ).toEqual([['It rains today!'], ['And nothing is left to do.']])
    expect(
      marked([
        'We add the numbers. The cat sat. We stop.',
        'We add the numbers. Nobody else would know. We stop.',
      ]),
    ).toEqual([['The cat sat.'], ['Nobody else would know.']])
  })

  test('with several texts, the first is marked where all others differ', () => {
    const text = (n: number, m: number) => `We have ${n} apples and ${m} pears in the basket.`
    expect(marked([text(1, 1), text(2, 1), text(3, 4)])).toEqual([['1'], ['2'], ['3', '4']])
  })

  test('a unit that was moved or repeated breaks no order; what is equal beside it is found', () => {
    expect(drawn(['A\n\nB\n\nB\n\nC\n\nD', 'D\n\nA\n\nB\n\nB\n\nX\n\nC'])).toEqual([
      ['own', '', 'D'],
      ['same', 'A', 'A'],
      ['same', 'B', 'B'],
      ['same', 'B', 'B'],
      ['own', '', 'X'],
      ['same', 'C', 'C'],
      ['own', 'D', ''],
    ])
  })

  test('texts that part stand side by side from there on, without marks', () => {
    const texts = [
      'Okay.\n\nCats like milk.\n\nThey sleep.',
      'Okay.\n\nEngines burn petrol in cylinders.\n\nPistons move.\n\nWheels turn.',
    ]
    const rows = align(texts)
    expect(rows.map(({ kind }) => kind)).toEqual(['same', 'own', 'own', 'own'])
    expect(partsAt(rows)).toBe(1)
    expect(rows.flatMap((row) => marksOf(row, texts).flat())).toEqual([])
    expect(partsAt(align(['a\n\nb', 'c\n\nb']))).toBeNull()
    expect(partsAt(align(['a\n\nb', 'a']))).toBeNull()
  })

  test('a text that has nothing of the others stands beside them from the top', () => {
    const texts = ['One two.\n\nThree four.', 'Cats.\n\nDogs.\n\nBirds.', 'One two.\n\nThree five.']
    expect(drawn(texts)).toEqual([
      ['alike', 'One two.', 'Cats.', 'One two.'],
      ['alike', 'Three four.', 'Dogs.', 'Three five.'],
      ['own', '', 'Birds.', ''],
    ])
    expect(marked(texts, 1)).toEqual([['four'], [], ['five']])
  })

  test('long texts that have nothing in common become rows that can be drawn', () => {
    const next = random(5)
    const long = (word: string) =>
      Array.from(
        { length: 4000 },
        (_, i) =>
          `${word}${Math.floor(next() * 1e6)} and ${i} the${i % 7 === 0 ? '' : ' one'} that is.${i % 9 === 0 ? '\n\n' : ''}`,
      ).join(' ')
    const texts = [long('a'), long('b'), 'x'.repeat(100_001), '']
    const rows = align(texts)
    texts.forEach((text, o) => expect(column(rows, o, text)).toBe(text))
    const sizes = rows.flatMap(({ cells }) =>
      cells.map((cell) => (cell ? cell.end - cell.start : 0)),
    )
    expect(Math.max(...sizes)).toBeLessThan(8200)
  })
})
