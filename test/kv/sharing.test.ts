import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PathState } from '../../engine/protocol/fold.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'
import { cellsOf, sharedTokens } from '../../engine/think/cells.ts'
import { cutToFit } from '../../engine/think/reread.ts'

/** Paths from (parent, at, own tokens): token identities are unique unless kept. */
const family = fc
  .array(fc.record({ parent: fc.nat(), at: fc.nat(), own: fc.nat({ max: 12 }) }), {
    minLength: 1,
    maxLength: 9,
  })
  .map((list) => {
    const paths: PathState[] = []
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
        path: i + 1,
        parent: kept > 0 ? { path: from!.path, at: kept } : null,
        tokens,
      } as PathState)
    }
    return paths
  })

describe('cells of paths that branch', () => {
  it('are as many as there are different tokens', () => {
    fc.assert(
      fc.property(family, fc.infiniteStream(fc.boolean()), (paths, there) => {
        const resident = new Set(paths.filter(() => there.next().value).map(({ path }) => path))
        const distinct = new Set(
          paths
            .filter(({ path }) => resident.has(path))
            .flatMap(({ tokens }) => tokens.slice().map(({ id }) => id)),
        )
        expect(cellsOf(paths, ({ path, tokens }) => (resident.has(path) ? tokens.length : 0))).toBe(
          distinct.size,
        )
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
})

describe('cutToFit', () => {
  const lists = fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 8 }).map((lengths) =>
    lengths.map((length, i) => ({
      path: i + 1,
      tokens: Array.from({ length }, (_, k) => i * 1000 + k),
    })),
  )

  it('keeps what fits, cuts the longest to one length, and counts what it removed', () => {
    fc.assert(
      fc.property(
        lists,
        fc.integer({ min: 160, max: 3000 }),
        fc.array(fc.integer({ min: -9, max: -1 }), { maxLength: 4 }),
        (all, room, gap) => {
          fc.pre(room >= all.length * (16 + gap.length))
          const { kept, cuts } = cutToFit(all, room, gap)
          const total = all.reduce((sum, { tokens }) => sum + tokens.length, 0)
          expect(kept.reduce((sum, tokens) => sum + tokens.length, 0)).toBeLessThanOrEqual(
            Math.max(room, Math.min(total, room)),
          )
          if (total <= room) expect([kept, cuts]).toEqual([all.map(({ tokens }) => tokens), []])
          for (const [i, { path, tokens }] of all.entries()) {
            const removed = cuts.find((cut) => cut.path === path)?.removed ?? 0
            expect(kept[i]!.filter((id) => id >= 0)).toHaveLength(tokens.length - removed)
            if (removed === 0) continue
            expect(kept[i]![0]).toBe(tokens[0])
            expect(kept[i]!.at(-1)).toBe(tokens.at(-1))
            for (const [k, other] of all.entries())
              if (other.tokens.length >= tokens.length)
                expect(kept[k]!.length).toBeGreaterThanOrEqual(kept[i]!.length)
          }
        },
      ),
    )
  })

  it('says how much room is needed where there is none', () => {
    expect(() =>
      cutToFit([{ path: 1, tokens: Array.from({ length: 50 }, (_, i) => i) }], 10, [0, 0]),
    ).toThrowError(
      expect.objectContaining({
        code: 'context-too-small',
        message: expect.stringMatching(/room for 18 tokens.*10 are left/) as string,
      }) as Error,
    )
  })
})
