import { describe, expect, it } from 'vitest'
import type { VocabToken } from '../../engine/native/types.ts'
import { closingMarkersIn, findThoughtMarks, type ThoughtMarks } from '../../engine/prompt/index.ts'
import { attemptsOf } from '../../engine/prompt/thought.ts'
import type { Segment } from '../../engine/protocol/fold.ts'
import { pathId } from '../../engine/protocol/segments.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'

/** Returns a vocabulary of these special tokens, from id 100, and of single characters. */
const vocabulary = (texts: string[], chatTemplate?: string, plain: string[] = []) => ({
  info: { chatTemplate },
  specialTokens: (): VocabToken[] =>
    texts.map((text, i) => ({ id: 100 + i, text, special: true, endOfGeneration: false })),
  tokenize: (text: string) =>
    Int32Array.from(plain.includes(text) ? [7] : [...text].map((one) => one.codePointAt(0)!)),
})
const closes = (texts: string[], template?: string, plain?: string[]) =>
  findThoughtMarks(vocabulary(texts, template, plain)).closes

describe('the closing marker of a thought', () => {
  it.each([
    '</think>',
    '</thinking>',
    '</thought>',
    '</seed:think>',
    '</think:opensource>',
    '[/THINK]',
    '<|END_THINKING|>',
    '<|/think|>',
    '<think_end>',
    '◁/think▷',
  ])('is found in a vocabulary by the form of its text: %s', (text) => {
    expect(closes(['<|im_end|>', text])).toEqual([{ text, id: 101 }])
  })

  it.each([
    '</think1>',
    '<think>',
    '</summary>',
    '[/INST]',
    '</tool_call>',
    '<|im_end|>',
    '/no_think',
  ])('is not %s', (text) => {
    expect(closes([text])).toEqual([])
  })

  it('is found as an ordinary token, or in a chat template where ordinary tokens spell it', () => {
    expect(closes([], undefined, ['</think>'])).toEqual([{ text: '</think>' }])
    expect(closes([], "{%- set c = c.split('◁/think▷')[-1] %}")).toEqual([{ text: '◁/think▷' }])
    expect(closingMarkersIn("{{ m['reasoning'] }}[THINK]{{ x[think] }}[/THINK]")).toEqual([
      '[/THINK]',
    ])
    expect(closingMarkersIn('<|channel|>analysis ... <|channel|>final<|message|>')).toEqual([
      '<|channel|>final<|message|>',
    ])
  })

  it('makes a model one that thinks, unless a template does not know it', () => {
    expect(findThoughtMarks(vocabulary(['</think>'])).expected).toBe(true)
    expect(findThoughtMarks(vocabulary(['</think>'], "a '</think>' b")).expected).toBe(true)
    expect(findThoughtMarks(vocabulary(['</think>'], 'a b')).expected).toBe(false)
    expect(findThoughtMarks(vocabulary(['<|im_end|>'])).expected).toBe(false)
  })
})

const OPEN = 100
const CLOSE = 101
const marks = findThoughtMarks(vocabulary(['<think>', '</think>']))
/** Returns a path of these tokens: numbers are ids of control tokens, texts are ordinary tokens. */
const pathOf = (tokens: (number | string)[], i = 0): Segment =>
  ({
    segment: pathId(i + 1),
    tokens: TokenList.from(
      tokens.map((one) => ({
        id: typeof one === 'number' ? one : 1,
        text: typeof one === 'number' ? { [OPEN]: '<think>', [CLOSE]: '</think>' }[one]! : one,
        logprob: null,
        entropy: null,
      })),
    ),
  }) as Segment
const parts = (
  paths: (number | string)[][],
  { of = marks, before = [] as { id: number; text: string }[], tail = 2 } = {},
) =>
  attemptsOf(
    paths.map((tokens, i) => pathOf(tokens, i)),
    of as ThoughtMarks,
    before,
    tail,
  ).map(({ from, to, unfinished }) => [from, to, unfinished])
const unexpected = { ...marks, expected: false }
const opened = [{ id: OPEN, text: '<think>' }]

describe('what a summary reads of a path', () => {
  it('is what follows the last closing marker', () => {
    expect(
      parts([
        [OPEN, 'a', CLOSE, 'b'],
        ['a', CLOSE, 'b', CLOSE, 'c', 'd'],
      ]),
    ).toEqual([
      [3, 4, false],
      [4, 6, false],
    ])
  })

  it('is the tail of a path that was cut before, or right at the marker', () => {
    expect(
      parts([[OPEN, 'a', 'b', 'c'], ['a'], ['a', 'b', CLOSE], ['a', CLOSE, ' ', '\n']]),
    ).toEqual([
      [2, 4, true],
      [0, 1, true],
      [1, 3, true],
      [2, 4, true],
    ])
  })

  it('is the whole path if the model does not think, or its prompt closes the thought', () => {
    const none = findThoughtMarks(vocabulary(['<|im_end|>']))
    expect(parts([['a', 'b', 'c']], { of: none })).toEqual([[0, 3, false]])
    expect(parts([['a', 'b', 'c']], { of: unexpected })).toEqual([[0, 3, false]])
    const before = [...opened, { id: CLOSE, text: '</think>' }]
    expect(parts([['a', 'b', 'c']], { before })).toEqual([[0, 3, false]])
  })

  it('is a tail where the prompt or another path shows that the model thinks', () => {
    expect(parts([['a', 'b', 'c']], { of: unexpected, before: opened })).toEqual([[1, 3, true]])
    expect(
      parts(
        [
          ['a', 'b', 'c'],
          ['a', CLOSE, 'b'],
        ],
        { of: unexpected },
      ),
    ).toEqual([
      [1, 3, true],
      [2, 3, false],
    ])
  })

  it('is found by text where ordinary tokens spell the marker', () => {
    const spelled = findThoughtMarks(vocabulary([], "'</think>'"))
    expect(
      parts(
        [
          ['a', '</', 'think', '>\n\n', 'b'],
          ['a', 'b', 'c'],
        ],
        { of: spelled },
      ),
    ).toEqual([
      [4, 5, false],
      [1, 3, true],
    ])
  })

  it('does not take a spelled marker for the token', () => {
    expect(parts([['a', '</think>', 'b', 'c']])).toEqual([[2, 4, true]])
  })
})
