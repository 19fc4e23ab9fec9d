import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { numberOf } from '../../engine/protocol/segments.ts'
import { EMPTY_RUN } from '../../engine/protocol/run-state.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'
import { thoughtRows } from '../../engine/run/rows.ts'
import { STRATEGIES, type OpenPath } from '../../engine/strategies/index.ts'

type Asked = Parameters<typeof resolveSettings>[0]

const pairs = (count: number) => ({
  pairs: Array.from({ length: count }, (_, i) => ({ open: 103 + 2 * i, close: 104 + 2 * i })),
})

describe('thoughtRows', () => {
  const settings = (asked: Asked) => resolveSettings(asked, { metadata: {}, nativePaths: 2 })
  const rowsOf = (asked: Asked, rows = 32) =>
    thoughtRows(settings(asked), { tokens: pairs(2), thoughtRows: rows })
  /** number/group/row of each path that the run opens. */
  const shape = (asked: Asked, rows?: number) => {
    const row = rowsOf(asked, rows)
    const view = {
      settings: settings(asked),
      trained: true,
      state: EMPTY_RUN,
      pending: [],
      probing: [],
      comparing: false,
    }
    return STRATEGIES[view.settings.strategy]
      .next({ ...view, later: false })
      .map((action) => {
        const { segment, group, place } = action as OpenPath
        return `${numberOf(segment)}/${group}/${row(place)}`
      })
      .join(' ')
  }

  it('numbers paths over the whole run', () => {
    expect(shape({ paths: 2 })).toBe('1/1/1 2/1/2')
    expect(shape({ strategy: 'sequential' })).toBe('1/1/1')
    expect(shape({ strategy: 'majority', paths: 3 })).toBe('1/1/1 2/2/1 3/3/1')
    expect(shape({ strategy: 'parallel-majority', paths: 2, runs: 2 })).toBe(
      '1/1/1 2/1/2 3/2/1 4/2/2',
    )
  })
  it('reuses pairs and rows when asked, names the number that works otherwise', () => {
    expect(() => rowsOf({ paths: 3 })).toThrowError(
      expect.objectContaining({
        code: 'too-many-paths',
        message: expect.stringContaining('trained for 2 paths, not 3') as string,
      }),
    )
    expect(shape({ paths: 5, reuseTokens: true })).toBe('1/1/1 2/1/2 3/1/1 4/1/2 5/1/1')
  })
  it('keeps each path its own row with the same token', () => {
    expect(shape({ paths: 3, controls: { sameToken: true } })).toBe('1/1/1 2/1/2 3/1/3')
  })
  it('refuses more paths than thought rows, unless the embedding is off or absent', () => {
    expect(() => rowsOf({ paths: 2 }, 2)).toThrowError(
      expect.objectContaining({
        code: 'too-many-paths',
        message: expect.stringContaining('rows for 1 paths') as string,
      }),
    )
    expect(shape({ paths: 2, controls: { thoughtEmbedding: false } }, 2)).toBe('1/1/1 2/1/2')
    expect(shape({ paths: 2 }, 0)).toBe('1/1/1 2/1/2')
  })
  it('refuses what no context can hold', () => {
    expect(() =>
      rowsOf({ strategy: 'parallel-majority', paths: 2, runs: 64, reuseTokens: true }),
    ).not.toThrow()
    expect(() =>
      rowsOf({ strategy: 'parallel-majority', paths: 64, runs: 64, reuseTokens: true }),
    ).toThrowError(
      expect.objectContaining({
        code: 'too-many-paths',
        message: expect.stringContaining('at most 2 paths per group') as string,
      }),
    )
  })
  it('names a number that works', () => {
    const some = {
      strategy: fc.constantFrom('parallel', 'parallel-majority'),
      paths: fc.integer({ min: 1, max: 64 }),
      runs: fc.integer({ min: 1, max: 64 }),
      reuseTokens: fc.boolean(),
      controls: fc.record({ sameToken: fc.boolean(), thoughtEmbedding: fc.boolean() }),
    }
    fc.assert(
      fc.property(
        fc.record(some),
        fc.integer({ min: 2, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (asked, rows, count) => {
          const rowsFor = (paths: number) =>
            thoughtRows(
              resolveSettings({ ...asked, paths } as Asked, {
                metadata: {},
                nativePaths: count,
              }),
              { tokens: pairs(count), thoughtRows: rows },
            )
          try {
            rowsFor(asked.paths)
          } catch (error) {
            const named = /at most (\d+)/.exec((error as Error).message)!
            expect(() => rowsFor(Number(named[1]))).not.toThrow()
          }
        },
      ),
    )
  })
})
