import { describe, expect, it } from 'vitest'
import {
  PREFERENCES,
  readPreferences,
  SharedPreferences,
  storedPreferences,
} from '../../engine/protocol/preferences.ts'

const ALL = ['shared', 'host', 'shell', 'page'] as const
const DEFAULTS = readPreferences({}, ...ALL)
const KEYS = Object.keys(PREFERENCES) as (keyof typeof PREFERENCES)[]

/** A value other than the default for each preference. */
const OTHER: typeof DEFAULTS = {
  theme: 'dark',
  language: 'zh',
  textSize: 'large',
  motion: 'reduce',
  followLive: false,
  layout: 'tabs',
  sidebar: false,
  split: 0.5,
  panels: { summary: false, votes: true, overview: false },
  shortcuts: { 'app.new': 'Alt+X', 'app.palette': '' },
  presets: [{ id: 'own-1', name: 'Mine', settings: { paths: 3, sampling: { topK: 5 } } }],
  defaults: { system: 'Be brief.', paths: 3, engine: { threads: 2 } },
  model: '/m.gguf',
  idleMinutes: 0,
  loadAtStart: true,
  notLoadedAtStart: '/n.gguf',
  wrapCode: true,
  titles: false,
  runPrograms: false,
  api: true,
  apiPort: 8080,
  toldPrograms: true,
  heat: 'none',
  whitespace: true,
  loadingAtStart: '/m.gguf',
  bounds: { x: -5, y: 3, width: 900, height: 600 },
  maximized: true,
  zoom: 1.5,
  checkReleases: false,
  checkedAt: 5,
  draft: { problem: 'p', settings: { budget: 100 } },
}

describe('preferences', () => {
  it('have a default that their own schema takes', () => {
    for (const key of KEYS) {
      const { schema, fallback } = PREFERENCES[key]
      expect(schema.parse(fallback), key).toEqual(fallback)
    }
    expect(Object.keys(DEFAULTS).sort()).toEqual([...KEYS].sort())
  })

  it('are read as they are stored', () => {
    expect(readPreferences(JSON.parse(JSON.stringify(OTHER)), ...ALL)).toEqual(OTHER)
  })

  it('live in one place each: another place does not give them out', () => {
    for (const home of ALL)
      expect(storedPreferences(OTHER, home)).toEqual(
        Object.fromEntries(
          Object.entries(OTHER).filter(
            ([key]) => PREFERENCES[key as 'theme'].home === (home as string),
          ),
        ),
      )
  })

  it.each(KEYS)('a bad %s takes its default and hides no other', (key) => {
    const bads: unknown[] = [
      Symbol('x'),
      () => 0,
      NaN,
      { x: { y: 1 } },
      [null],
      -1e300,
      'x'.repeat(5000),
    ]
    if (key !== 'bounds' && key !== 'checkReleases') bads.push(null)
    for (const bad of bads) {
      if (PREFERENCES[key].schema.safeParse(bad).success) continue
      expect(readPreferences({ ...OTHER, [key]: bad }, ...ALL), String(bad)).toEqual({
        ...OTHER,
        [key]: DEFAULTS[key],
      })
    }
  })

  it.each([
    null,
    undefined,
    5,
    'x',
    [],
    [1],
    { other: 1 },
    JSON.parse('{"__proto__":{"theme":"dark"}}'),
  ])('%j holds none', (stored) => {
    expect(storedPreferences(stored, ...ALL)).toEqual({})
    expect(readPreferences(stored, ...ALL)).toEqual(DEFAULTS)
  })

  it('of a list, a table or an object the good items are kept', () => {
    const [mine] = OTHER.presets
    expect(
      storedPreferences(
        {
          presets: [mine, { a: 1 }, null, { ...mine, settings: { paths: 0 } }],
          shortcuts: { 'app.new': 'Alt+X', 'app.old': 5 },
          panels: { summary: false, votes: 'yes' },
          draft: { problem: 'p', settings: { budget: 100, paths: 'many', future: 1 } },
        },
        'shared',
        'page',
      ),
    ).toEqual({
      presets: [mine],
      shortcuts: { 'app.new': 'Alt+X' },
      panels: { summary: false, votes: true, overview: true },
      draft: { problem: 'p', settings: { budget: 100 } },
    })
  })

  it('that windows set are good, shared and known', () => {
    expect(SharedPreferences.parse({ theme: 'dark' })).toEqual({ theme: 'dark' })
    for (const bad of [
      { theme: 'sepia' },
      { presets: [{ a: 1 }] },
      { zoom: 1 },
      { other: 1 },
      [],
      null,
    ])
      expect(SharedPreferences.safeParse(bad).success, JSON.stringify(bad)).toBe(false)
  })
})
