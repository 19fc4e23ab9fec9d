import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cellsOf, homeOf, sharedTokens } from '../../engine/kv/index.ts'
import type { Segment } from '../../engine/protocol/fold.ts'
import { pathId } from '../../engine/protocol/segments.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'

/** Paths from (parent, at, own tokens): token identities are unique unless kept. */
const family = fc
  .array(fc.record({ parent: fc.nat(), at: fc.nat(), own: fc.nat({ max: 12 }) }), {
    minLength: 1,
    maxLength: 9,
  })
  .map((list) => {
    const paths: Segment[] = []
    let next = 0
    for (const [i, { parent, at, own }] of list.entries()) {
      const from = i > 0 && parent % 3 > 0 ? paths[parent % i]! : null
      const kept = from === null || from.tokens.length === 0 ? 0 : 1 + (at % from.tokens.length)
      const tokens = TokenList.from([
        ...(from?.tokens.slice(0, kept) ?? []),
        ...Array.from({ length: own }, () => ({
          id: next++,
          text: '',
          logprob: null,
          entropy: null,
        })),
      ])
      paths.push({
        segment: pathId(i + 1),
        parent: kept > 0 ? { segment: from!.segment, at: kept } : null,
        tokens,
      } as Segment)
    }
    return paths
  })

describe('cells of paths that branch', () => {
  it('are as many as there are different tokens', () => {
    fc.assert(
      fc.property(family, fc.infiniteStream(fc.boolean()), (paths, there) => {
        const resident = new Set(
          paths.filter(() => there.next().value).map(({ segment }) => segment),
        )
        const distinct = new Set(
          paths
            .filter(({ segment }) => resident.has(segment))
            .flatMap(({ tokens }) => tokens.slice().map(({ id }) => id)),
        )
        expect(
          cellsOf(paths, ({ segment, tokens }) => (resident.has(segment) ? tokens.length : 0)),
        ).toBe(distinct.size)
      }),
    )
  })

  it('what two paths share is their common beginning', () => {
    fc.assert(
      fc.property(family, fc.nat(), fc.nat(), (paths, i, k) => {
        const [a, b] = [paths[i % paths.length]!, paths[k % paths.length]!]
        let common = 0
        while (
          common < Math.min(a.tokens.length, b.tokens.length) &&
          a.tokens.at(common)!.id === b.tokens.at(common)!.id
        )
          common++
        expect(sharedTokens(paths, a, b)).toBe(common)
      }),
    )
  })

  it('ends where a damaged transcript says that paths begin with each other', () => {
    const source = { type: 'join', layout: 'shared', parts: [{ segment: 'p1' }, { segment: 'p2' }] }
    const path = (number: number, parent: number, more: object = {}) =>
      ({
        segment: pathId(number),
        parent: { segment: pathId(parent), at: 1 },
        source: { type: 'branch', of: pathId(parent), at: 1 },
        reads: [],
        tokens: TokenList.EMPTY,
        ...more,
      }) as unknown as Segment
    const rings = [
      [path(1, 1)],
      [path(1, 2), path(2, 1)],
      [path(1, 1, { parent: null, source, reads: ['p1', 'p2'] }), path(2, 1)],
    ]
    for (const paths of rings) {
      for (const one of paths) expect(homeOf(one, { paths, promptTokens: [1, 2] })).toBeLessThan(3)
      expect(sharedTokens(paths, paths[0]!, paths.at(-1)!)).toBe(0)
    }
  })
})
