import { describe, expect, it } from 'vitest'
import { findControlTokens, RELEASED_PREFIX } from '../../engine/prompt/index.ts'

const vocabulary = (texts: string[], metadata: Record<string, string> = {}) => ({
  info: { metadata },
  specialTokens: () =>
    texts.map((text, i) => ({
      id: 100 + i,
      text,
      special: true,
      endOfGeneration: text === '<eos>',
    })),
})
const NATIVE = [
  '<eos>',
  '<think>',
  '</think>',
  '<think1>',
  '</think1>',
  '<think2>',
  '</think2>',
  '<think4>',
  '</think4>',
  '<summary>',
  '</summary>',
]

describe('findControlTokens', () => {
  it('takes the unbroken run of pairs, masks and stops at them all', () => {
    const tokens = findControlTokens(vocabulary(NATIVE))
    expect(tokens.pairs).toEqual([
      { open: 103, close: 104 },
      { open: 105, close: 106 },
    ])
    expect(tokens.masked).toEqual([103, 105, 107, 109])
    expect([...tokens.pathStops].sort()).toEqual([100, 102, 104, 106, 108, 110])
    expect([...tokens.summaryStops].sort()).toEqual([100, 110])
    expect(tokens.summaryPrefix).toBe('')
  })
  it('knows the released prefix, and the one of the file', () => {
    expect(findControlTokens(vocabulary([...NATIVE, '<vllm_pad>'])).summaryPrefix).toBe(
      RELEASED_PREFIX,
    )
    expect(
      findControlTokens(
        vocabulary([...NATIVE, '<vllm_pad>'], { 'parathinker.summary_prefix': 'So: ' }),
      ).summaryPrefix,
    ).toBe('So: ')
  })
  it('masks nothing where a control token is missing', () => {
    for (const missing of ['<summary>', '</summary>', '<think1>', '</think1>']) {
      expect(
        findControlTokens(vocabulary(NATIVE.filter((text) => text !== missing))),
      ).toMatchObject({
        pairs: [],
        summary: null,
        masked: [],
        pathStops: [100],
        summaryStops: [100],
      })
    }
  })
})
