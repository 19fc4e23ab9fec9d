import { z } from 'zod'
import { API_PORT } from './api.ts'
import { ownEntry } from './own.ts'
import { RunRequest } from './request.ts'

/**
 * Where a preference is stored. shared: the host's `settings.json`; windows read and write it
 * (`settings.get`, `settings.set`), and the page caches it. host: the same file, but private to the
 * host. shell: the desktop's `shell.json`. page: the browser's storage.
 */
export type Home = 'shared' | 'host' | 'shell' | 'page'

const preference = <H extends Home, S extends z.ZodType>(
  home: H,
  schema: S,
  fallback: z.output<S>,
) => ({ home, schema, fallback })

/** Named run settings. */
const Preset = z.object({
  id: z.string().max(64),
  name: z.string().max(200),
  settings: RunRequest.shape.settings,
})

/** Everything that Braid remembers between launches, except runs, models and secrets. */
export const PREFERENCES = {
  theme: preference('shared', z.enum(['system', 'light', 'dark']), 'system'),
  /** '': the system's language. */
  language: preference('shared', z.string().max(35), ''),
  textSize: preference('shared', z.enum(['small', 'normal', 'large', 'larger']), 'normal'),
  motion: preference('shared', z.enum(['system', 'reduce']), 'system'),
  /** New panes scroll to follow new text. */
  followLive: preference('shared', z.boolean(), true),
  layout: preference('shared', z.enum(['grid', 'focus', 'tabs']), 'grid'),
  /** The list of conversations is shown beside the view. */
  sidebar: preference('shared', z.boolean(), true),
  /** The share of the run view's width that the side panels take. */
  split: preference('shared', z.number().min(0.15).max(0.7), 0.3),
  /** Which side panels of the run view are open. */
  panels: preference(
    'shared',
    z.object({ summary: z.boolean(), votes: z.boolean(), overview: z.boolean() }),
    { summary: true, votes: true, overview: true },
  ),
  /** Long lines of code are broken. */
  wrapCode: preference('shared', z.boolean(), false),
  /** Command id to shortcut; '' removes the shortcut. */
  shortcuts: preference('shared', z.record(z.string().max(64), z.string().max(64)), {}),
  presets: preference('shared', z.array(Preset), []),
  /** What a new run begins with, over the model's own defaults (renderer/store/compose.ts). */
  defaults: preference('shared', RunRequest.shape.settings, {}),
  /** Path of the GGUF that windows start with; '' if none is chosen. */
  model: preference('shared', z.string().max(4096), ''),
  /** Minutes after which an unused model is unloaded; 0: never. */
  idleMinutes: preference('shared', z.number().min(0).max(10_080), 15),
  /** The host loads the chosen model when it starts. */
  loadAtStart: preference('shared', z.boolean(), false),
  /**
   * The model whose loading crashed the engine, for which the host turned `loadAtStart` off; '' if
   * there is none.
   */
  notLoadedAtStart: preference('shared', z.string().max(4096), ''),
  /** The model writes the titles of conversations while nothing else is at work. */
  titles: preference('shared', z.boolean(), true),
  /** Programs of questions that ask for code are run in the sandbox and compared. */
  runPrograms: preference('shared', z.boolean(), true),
  /** The user was told what that does. */
  toldPrograms: preference('shared', z.boolean(), false),
  /** API clients on this machine are served (docs/api.md). */
  api: preference('shared', z.boolean(), false),
  apiPort: preference('shared', z.int().min(1024).max(65_535), API_PORT),
  heat: preference('shared', z.enum(['logprob', 'entropy', 'none']), 'logprob'),
  whitespace: preference('shared', z.boolean(), false),

  /**
   * The model being loaded at start. Still set at the next start if loading it crashed the engine.
   */
  loadingAtStart: preference('host', z.string().max(4096), ''),

  /** Bounds of the window in screen coordinates; null: the system places it. */
  bounds: preference(
    'shell',
    z.object({ x: z.int(), y: z.int(), width: z.int().min(1), height: z.int().min(1) }).nullable(),
    null,
  ),
  maximized: preference('shell', z.boolean(), false),
  /** Electron's zoom level; each step is 20 %. */
  zoom: preference('shell', z.number().min(-8).max(9), 0),
  /** Whether to look for a new release once a day; null: the user was not asked yet. */
  checkReleases: preference('shell', z.boolean().nullable(), null),
  /** Time of the last check for a release, in milliseconds since 1970. */
  checkedAt: preference('shell', z.number(), 0),

  /** The draft in the composer. */
  draft: preference(
    'page',
    z.object({ problem: z.string(), settings: RunRequest.shape.settings }),
    {
      problem: '',
      settings: {},
    },
  ),
} as const

type Table = typeof PREFERENCES
type Key<H extends Home> = {
  [K in keyof Table]: Table[K]['home'] extends H ? K : never
}[keyof Table]
export type Preferences<H extends Home = Home> = { [K in Key<H>]: z.output<Table[K]['schema']> }

const entriesOf = (homes: readonly Home[]) =>
  Object.entries(PREFERENCES).filter(([, { home }]) => homes.includes(home))

/**
 * Returns the stored values that are valid. An invalid value does not affect others; valid items of
 * a list or table are kept.
 */
export function storedPreferences<H extends Home>(
  stored: unknown,
  ...homes: H[]
): Partial<Preferences<H>> {
  if (!isObject(stored)) return {}
  const good = entriesOf(homes).map(([key, { schema, fallback }]) => [
    key,
    salvage(schema, ownEntry(stored, key), fallback),
  ])
  return withoutUndefined(good) as Partial<Preferences<H>>
}

/** Returns every preference of these homes: the stored value if it is valid, else the default. */
export function readPreferences<H extends Home>(stored: unknown, ...homes: H[]): Preferences<H> {
  const defaults = entriesOf(homes).map(([key, { fallback }]) => [key, fallback])
  return {
    ...(Object.fromEntries(defaults) as Preferences<H>),
    ...storedPreferences(stored, ...homes),
  }
}

/** Some of the shared preferences, all valid, as windows and host exchange them. */
export const SharedPreferences = z
  .strictObject(
    Object.fromEntries(entriesOf(['shared']).map(([key, { schema }]) => [key, schema])) as {
      [K in Key<'shared'>]: Table[K]['schema']
    },
  )
  .partial()

/** Returns the valid part of a stored value, or undefined if there is none. */
function salvage(schema: z.ZodType, value: unknown, fallback: unknown): unknown {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.filter((item) => schema.safeParse([item]).success)
  if (!isObject(value)) return undefined
  if (schema instanceof z.ZodRecord)
    return Object.fromEntries(
      Object.entries(value).filter(([key, item]) => schema.safeParse({ [key]: item }).success),
    )
  if (!(schema instanceof z.ZodObject) || !isObject(fallback)) return undefined
  return withoutUndefined(
    Object.entries(schema.shape as Record<string, z.ZodType>).map(([key, part]) => [
      key,
      salvage(part, ownEntry(value, key), ownEntry(fallback, key)) ?? ownEntry(fallback, key),
    ]),
  )
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const withoutUndefined = (entries: readonly unknown[][]): Record<string, unknown> =>
  Object.fromEntries(entries.filter(([, value]) => value !== undefined) as [string, unknown][])
