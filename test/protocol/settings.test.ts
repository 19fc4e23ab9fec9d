import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RunSettings } from '../../engine/protocol/request.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'

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
      summaryBudget: 2048,
      finish: 'last',
      vote: 'equality',
      sampling: { temperature: 0.5, topP: 1 },
    })
    expect(resolveSettings({}, trained)).toMatchObject({
      paths: 6,
      budget: 512,
      summaryBudget: 1024,
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
  it('lets a summary be as long as a path, and no shorter than 1,024 tokens', () => {
    const budget = (settings: Parameters<typeof resolveSettings>[0]) =>
      resolveSettings(settings, plain).summaryBudget
    expect(budget({ budget: 8000 })).toBe(8000)
    expect(budget({ budget: 16 })).toBe(1024)
    expect(budget({ budget: 8000, summaryBudget: 30 })).toBe(30)
    expect(resolveSettings({}, plain).question).toBe('auto')
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
})
