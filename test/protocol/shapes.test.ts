import { expect, it } from 'vitest'
import { judgesPerRound, lastGroups, pathsOf, shapeOf } from '../../engine/protocol/shapes.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'

const shape = (asked: Parameters<typeof resolveSettings>[0], trained: boolean) =>
  shapeOf(resolveSettings(asked, { metadata: {}, nativePaths: trained ? 64 : 0 }), trained)

it('each strategy has its groups, and ends them in summaries where there is something to fuse', () => {
  const finish = 'last' as const
  for (const trained of [true, false]) {
    expect(shape({ paths: 3, finish }, trained)).toEqual({
      groups: 1,
      size: 3,
      rounds: 1,
      reads: 0,
      finish: 0,
      summaries: true,
      judgements: 0,
    })
    expect(shape({ strategy: 'sequential', finish }, trained)).toEqual({
      groups: 1,
      size: 1,
      rounds: 1,
      reads: 0,
      finish: 0,
      summaries: trained,
      judgements: 0,
    })
    expect(shape({ strategy: 'majority', paths: 3, finish }, trained)).toEqual({
      groups: 3,
      size: 1,
      rounds: 1,
      reads: 0,
      finish: 0,
      summaries: trained,
      judgements: 0,
    })
    expect(shape({ strategy: 'parallel-majority', paths: 3, runs: 2, finish }, trained)).toEqual({
      groups: 2,
      size: 3,
      rounds: 1,
      reads: 0,
      finish: 0,
      summaries: true,
      judgements: 0,
    })
  }
})

it('the finish rule counts paths of a group', () => {
  const finish = (asked: Parameters<typeof resolveSettings>[0]) => shape(asked, true).finish
  expect([
    finish({ paths: 2, finish: 'first' }),
    finish({ paths: 2, finish: 'half' }),
    finish({ paths: 5, finish: 'half' }),
    finish({ paths: 2, finish: 'last' }),
    finish({ strategy: 'majority', paths: 5, finish: 'half' }),
  ]).toEqual([1, 1, 3, 0, 1])
})

it('refine opens rounds, and may end in a summary unless a vote was asked for', () => {
  for (const trained of [true, false]) {
    const asked = { strategy: 'refine', finish: 'last' } as const
    expect(shape(asked, trained)).toEqual({
      groups: 1,
      size: 8,
      rounds: 2,
      reads: 3,
      finish: 0,
      summaries: true,
      judgements: 0,
    })
    const small = shape({ ...asked, paths: 2, rounds: 4, answerBy: 'vote' }, trained)
    expect(small).toMatchObject({ size: 2, rounds: 4, reads: 2, summaries: false })
    expect([pathsOf(small), lastGroups(small)]).toEqual([8, [4]])
  }
})

it('a tournament judges independent paths in rounds, each pair of a round twice', () => {
  for (const trained of [true, false]) {
    const five = shape({ strategy: 'tournament', paths: 5 }, trained)
    expect(five).toMatchObject({ groups: 5, size: 1, judgements: 2, summaries: trained })
    expect([judgesPerRound(five), pathsOf(five)]).toEqual([4, 5])
    expect(judgesPerRound(shape({ strategy: 'majority', paths: 5 }, trained))).toBe(0)
  }
})
