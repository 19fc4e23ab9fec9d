import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { afterThought, thoughtIn, type ThoughtMarkers } from '../../engine/protocol/thoughts.ts'

const QWEN: ThoughtMarkers = { opens: ['<think>'], closes: ['</think>'], begins: false }
const BEGINS: ThoughtMarkers = { ...QWEN, begins: true }
const OSS: ThoughtMarkers = {
  opens: ['<|channel|>analysis'],
  closes: ['<|channel|>final<|message|>'],
  begins: false,
}
/** Returns the thought and the answer of a text. */
const told = (text: string, markers: ThoughtMarkers | null) => {
  const thought = thoughtIn(text, markers)
  return (
    thought && [
      text.slice(thought.start, thought.end),
      thought.answer === null ? null : text.slice(thought.answer),
    ]
  )
}

describe('the thought of a path', () => {
  it('stands between its markers, and the answer behind them', () => {
    expect(told('<think>\nHm.\n</think>\n\nSo 4.', QWEN)).toEqual(['\nHm.\n', 'So 4.'])
    expect(told('\n<think>Hm.', QWEN)).toEqual(['Hm.', null])
    expect(told('Hm.</think>4', BEGINS)).toEqual(['Hm.', '4'])
    expect(told('Hm.', BEGINS)).toEqual(['Hm.', null])
    expect(
      told('<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>4', OSS),
    ).toEqual(['<|message|>Hm.<|end|>', '4'])
  })

  it('is not there without markers, or where the model does not think', () => {
    expect(told('<think>Hm.</think>4', null)).toBeNull()
    expect(told('So 4.', QWEN)).toBeNull()
  })

  it('ends with its last closing marker', () => {
    expect(told('a</think>b</think>c', QWEN)).toEqual(['a</think>b', 'c'])
  })

  it('is never all that is read: an answer is what follows, or the whole text', () => {
    expect(afterThought('<think>a</think> ', QWEN)).toBe('<think>a</think> ')
    const part = fc.constantFrom('<think>', '</think>', 'a', ' ', '\n')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, begins) => {
        const text = parts.join('')
        const answer = afterThought(text, { ...QWEN, begins })
        expect(text.endsWith(answer)).toBe(true)
        expect(answer.trim() === '').toBe(text.trim() === '')
        const thought = thoughtIn(text, { ...QWEN, begins })
        if (thought === null) return
        expect(thought.start).toBeLessThanOrEqual(thought.end)
        if (thought.answer !== null) expect(thought.answer).toBeGreaterThan(thought.end)
      }),
    )
  })
})
