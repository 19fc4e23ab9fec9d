import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RunSettings } from '../../engine/protocol/request.ts'
import { findControlTokens, RELEASED_PREFIX } from '../../engine/think/control.ts'
import { planRun } from '../../engine/think/plan.ts'
import { continuedSeed, pathSeed, summarySeed } from '../../engine/think/seeds.ts'
import { resolveSettings, yarnFor } from '../../engine/think/settings.ts'

const keys = {
  'parathinker.paths': '6',
  'parathinker.budget': '512',
  'parathinker.temperature': String(Math.fround(0.6)),
}
const trained = { metadata: keys, nativePaths: 8 }
const plain = { metadata: {}, nativePaths: 0 }

describe('resolveSettings', () => {
  it('takes what is asked over the model over Braid', () => {
    expect(resolveSettings({}, plain)).toMatchObject({
      strategy: 'parallel',
      paths: 4,
      runs: 1,
      budget: 2048,
      summaryBudget: 1024,
      finish: 'last',
      vote: 'equality',
      sampling: { temperature: 0.5, topP: 1 },
    })
    expect(resolveSettings({}, trained)).toMatchObject({
      paths: 6,
      budget: 512,
      finish: 'first',
      sampling: { temperature: 0.6 },
    })
    expect(
      resolveSettings({ paths: 2, budget: 99, sampling: { temperature: 0 } }, trained),
    ).toMatchObject({ paths: 2, budget: 99, sampling: { temperature: 0, topP: 1 } })
    expect(
      resolveSettings({ paths: undefined, sampling: { topK: undefined } }, trained),
    ).toMatchObject({ paths: 6, sampling: { topK: 0 } })
  })
  it('caps its own choice at the trained paths, never what is asked', () => {
    expect(resolveSettings({}, { metadata: keys, nativePaths: 3 }).paths).toBe(3)
    expect(resolveSettings({ paths: 9 }, { metadata: keys, nativePaths: 3 }).paths).toBe(9)
    expect(resolveSettings({ reuseTokens: true }, { metadata: keys, nativePaths: 3 }).paths).toBe(6)
  })
  it('sequential is one path; only parallel-majority has runs', () => {
    expect(resolveSettings({ strategy: 'sequential', paths: 5, runs: 4 }, trained)).toMatchObject({
      paths: 1,
      runs: 1,
    })
    expect(resolveSettings({ strategy: 'majority', runs: 4 }, trained).runs).toBe(1)
    expect(resolveSettings({ strategy: 'parallel-majority' }, trained).runs).toBe(3)
  })
  it('is valid whatever the file claims', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (paths, budget, temperature) => {
        const metadata = Object.fromEntries(
          Object.entries({
            'parathinker.paths': paths,
            'parathinker.budget': budget,
            'parathinker.temperature': temperature,
          }).filter(([, v]) => typeof v !== 'object' && typeof v !== 'symbol'),
        )
        const settings = resolveSettings({}, { metadata, nativePaths: 2 })
        expect(RunSettings.safeParse(settings).success).toBe(true)
        expect(settings.paths).toBeLessThanOrEqual(2)
      }),
    )
  })
  it('asks for YaRN only beyond the trained budget', () => {
    const rope = { 'parathinker.rope_budget': '8192', 'parathinker.rope_original_context': 9280 }
    expect(yarnFor(rope, 16384, 131072)).toEqual({ factor: 2, originalContext: 9280 })
    expect(yarnFor(rope, 8192, 131072)).toBeUndefined()
    expect(yarnFor({}, 16384, 131072)).toBeUndefined()
  })
})

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

describe('planRun', () => {
  const tokens = findControlTokens(vocabulary(NATIVE))
  const settings = (asked: Parameters<typeof resolveSettings>[0]) =>
    resolveSettings(asked, { metadata: {}, nativePaths: 2 })
  const plan = (asked: Parameters<typeof resolveSettings>[0], thoughtRows = 32) =>
    planRun(settings(asked), { tokens, thoughtRows })
  const shape = (asked: Parameters<typeof resolveSettings>[0], thoughtRows?: number) =>
    plan(asked, thoughtRows)
      .paths.map(({ path, group, thought }) => `${path}/${group}/${thought}`)
      .join(' ')

  it('numbers paths over the whole run', () => {
    expect(shape({ paths: 2 })).toBe('1/1/1 2/1/2')
    expect(shape({ strategy: 'sequential' })).toBe('1/1/1')
    expect(shape({ strategy: 'majority', paths: 3 })).toBe('1/1/1 2/2/1 3/3/1')
    expect(shape({ strategy: 'parallel-majority', paths: 2, runs: 2 })).toBe(
      '1/1/1 2/1/2 3/2/1 4/2/2',
    )
  })
  it('reuses pairs and rows when asked, names the number that works otherwise', () => {
    expect(() => plan({ paths: 3 })).toThrowError(
      expect.objectContaining({
        code: 'too-many-paths',
        message: expect.stringContaining('trained for 2 paths, not for 3') as string,
      }),
    )
    expect(shape({ paths: 5, reuseTokens: true })).toBe('1/1/1 2/1/2 3/1/1 4/1/2 5/1/1')
  })
  it('keeps each path its own row with the same token', () => {
    expect(shape({ paths: 3, controls: { sameToken: true } })).toBe('1/1/1 2/1/2 3/1/3')
  })
  it('refuses more paths than thought rows, unless the embedding is off or absent', () => {
    expect(() => plan({ paths: 2 }, 2)).toThrowError(
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
      plan({ strategy: 'parallel-majority', paths: 2, runs: 64, reuseTokens: true }),
    ).not.toThrow()
    expect(() =>
      plan({ strategy: 'parallel-majority', paths: 64, runs: 64, reuseTokens: true }),
    ).toThrowError(
      expect.objectContaining({
        code: 'too-many-paths',
        message: expect.stringContaining('2 paths a run work') as string,
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
        (asked, rows, pairs) => {
          const plan = (paths: number) =>
            planRun(
              resolveSettings({ ...asked, paths } as Parameters<typeof resolveSettings>[0], {
                metadata: {},
                nativePaths: pairs,
              }),
              {
                tokens: { ...tokens, pairs: Array.from({ length: pairs }, () => tokens.pairs[0]!) },
                thoughtRows: rows,
              },
            )
          try {
            plan(asked.paths)
          } catch (error) {
            const named = /ask for (\d+)|(\d+) paths a run work/.exec((error as Error).message)!
            expect(() => plan(Number(named[1] ?? named[2]))).not.toThrow()
          }
        },
      ),
    )
  })
  it('counts the finish rule a group', () => {
    expect([
      plan({ paths: 2, finish: 'first' }).finish,
      plan({ paths: 2, finish: 'half' }).finish,
      plan({ paths: 5, finish: 'half', reuseTokens: true }).finish,
      plan({ paths: 2, finish: 'last' }).finish,
    ]).toEqual([1, 1, 3, 0])
  })
})

describe('seeds', () => {
  it('are of 32 bits and differ by path, version and length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
        const all = [...Array(64).keys()].flatMap((i) => [
          pathSeed(seed, i + 1),
          summarySeed(seed, i + 1),
        ])
        const continued = [...Array(64).keys()].map((i) => continuedSeed(seed, i))
        expect(new Set(all).size).toBe(all.length)
        expect(new Set(continued.slice(1)).size).toBe(63)
        expect(continued[0]).toBe(seed)
        for (const value of all)
          expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true)
      }),
    )
  })
})
