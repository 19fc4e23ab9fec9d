import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockAt, BlockSplitter } from '../../../engine/protocol/markdown/blocks.ts'

const whole = (text: string): BlockSplitter => {
  const splitter = new BlockSplitter()
  splitter.advance(text, true)
  return splitter
}
const texts = (text: string) => whole(text).blocks.map(({ start, end }) => text.slice(start, end))

describe('BlockSplitter', () => {
  test('splits at blank lines, keeps fences and display formulas whole', () => {
    expect(texts('a\n\nb\n```py\nx\n\ny\n```\nc\n\n$$\n1\n\n2\n$$\n\nd')).toEqual([
      'a\n\n',
      'b\n',
      '```py\nx\n\ny\n```\n',
      'c\n\n',
      '$$\n1\n\n2\n$$\n\n',
      'd',
    ])
  })

  test('a text that was ended and goes on is one text: no block ends in the middle of a word', () => {
    const blocks = fc.array(
      fc.constantFrom('a', ' word', '\n', '\n\n', '```', '- ', '1. ', '$$', '\\[', '\\]', '    x'),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(blocks, blocks, fc.boolean(), (before, after, again) => {
        const [first, text] = [before.join(''), [...before, ...after].join('')]
        const splitter = new BlockSplitter()
        splitter.advance(first, true)
        const ended = [...splitter.blocks]
        splitter.advance(first, true)
        splitter.blocks.forEach((block, i) => expect(block).toBe(ended[i]))
        if (again) splitter.advance(first, false)
        splitter.advance(text, true)
        expect(splitter.blocks).toEqual(whole(text).blocks)
      }),
    )
    const splitter = new BlockSplitter()
    splitter.advance('One.\n\nLet us take the problem step', true)
    const text = 'One.\n\nLet us take the problem step-by-step.'
    splitter.advance(text, false)
    expect(splitter.open(text).map(({ start, end }) => text.slice(start, end))).toEqual([
      'Let us take the problem step-by-step.',
    ])
  })

  test('covers the text without gap or overlap, however it comes in', () => {
    const piece = fc.constantFrom(
      'a',
      ' ',
      '\n',
      '\n\n',
      '```',
      '~~~',
      '$$',
      '\\[',
      '\\]',
      '😀',
      'word '.repeat(200),
      'x'.repeat(5000),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('')
        const splitter = new BlockSplitter()
        let seen = ''
        for (const one of pieces) {
          seen += one
          splitter.advance(seen, false)
        }
        splitter.advance(text, true)
        let at = 0
        for (const { start, end } of splitter.blocks) {
          expect(start).toBe(at)
          expect(end).toBeGreaterThan(start)
          at = end
        }
        expect(at).toBe(text.length)
        // Text in pieces closes the same blocks as text at once, up to where an endless line was cut.
        if (!/.{4000}/s.test(text)) expect(splitter.blocks).toEqual(whole(text).blocks)
      }),
    )
  })

  test('no block is longer than can be laid out at once, and none splits a character', () => {
    for (const text of [
      'x'.repeat(50_000),
      '😀'.repeat(20_000),
      `\`\`\`\n${'line of code\n'.repeat(5000)}`,
      'word '.repeat(10_000),
      'one line\n'.repeat(5000),
    ]) {
      const pieces = texts(text)
      expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(8200)
      for (const piece of pieces) expect(encodeURIComponent(piece)).toBeTruthy() // throws for half a character
    }
  })

  test('blockAt finds the block of an offset', () => {
    const { blocks } = whole('ab\n\ncd\n\nef')
    expect([0, 3, 4, 8, 9, 99].map((offset) => blockAt(blocks, offset))).toEqual([0, 0, 1, 2, 2, 3])
  })
})
