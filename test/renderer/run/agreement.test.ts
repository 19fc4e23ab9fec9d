import { describe, expect, it } from 'vitest'
import type { QuestionKind } from '../../../engine/protocol/request.ts'
import { agreementOf } from '../../../renderer/run/agreement.ts'
import { CHINESE, CODE, IDEAS } from '../../support/scripts.ts'

const found = (texts: readonly string[], kind: QuestionKind = 'text') =>
  agreementOf(
    texts.map((text, i) => ({ path: `p${i + 1}`, text })),
    kind,
  )

describe('where paths agree', () => {
  it('is in sentences that share most of their words, whatever their list marks', () => {
    const { points, own } = found(IDEAS['?']!)
    expect(points.map(({ text, paths }) => [text, paths.join()])).toEqual([
      ['Cooking soup together in three small teams.', 'p1,p2,p3'],
      ['A walk along the river with a guide who knows the birds.', 'p1,p2'],
      ['A quiz about the last project, with silly prizes.', 'p1,p3'],
    ])
    expect(own).toEqual([
      { path: 'p1', count: 0, of: 3 },
      { path: 'p2', count: 1, of: 3 },
      { path: 'p3', count: 1, of: 3 },
    ])
  })

  it('is in lines of code where paths hold code, and in their sentences otherwise', () => {
    const [first] = found(CODE['?']!, 'code').points
    expect(first).toEqual({ text: 'def longest_word(text):', paths: ['p1', 'p2', 'p3', 'p4'] })
    expect(found(['No code in here at all.', 'No code in here at all.'], 'code').points).toEqual([
      { text: 'No code in here at all.', paths: ['p1', 'p2'] },
    ])
  })

  it('is told in any script', () => {
    expect(found(CHINESE['？']!).points.map(({ paths }) => paths.join())).toEqual(['p1,p2'])
  })

  it('is nowhere in texts that say different things, or say them once', () => {
    expect(found(['One says this and that.', 'Other words stand over here.']).points).toEqual([])
    const twice = found(['The same words stand here. The same words stand here.', 'Not at all so.'])
    expect(twice.points).toEqual([])
    expect(found([]).own).toEqual([])
  })

  it('is found quickly in long texts', () => {
    const text = (n: number) =>
      Array.from(
        { length: 2000 },
        (_, i) => `Sentence ${i} of path ${n} says word${i} again.`,
      ).join(' ')
    const before = performance.now()
    expect(found(Array.from({ length: 16 }, (_, n) => text(n))).points.length).toBeGreaterThan(0)
    expect(performance.now() - before).toBeLessThan(20_000)
  })
})
