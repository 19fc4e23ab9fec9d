import { create } from 'zustand'
import { host } from './host.ts'
import type { Preset } from './presets.ts'

/** Everything the window remembers between launches, in one table; the host keeps it, localStorage is the cache of the first paint. */
export interface Prefs {
  theme: 'system' | 'light' | 'dark'
  language: string
  textSize: 'small' | 'normal' | 'large' | 'larger'
  motion: 'system' | 'reduce'
  /** New panes scroll along with the text. */
  followLive: boolean
  layout: 'grid' | 'focus' | 'tabs'
  /** Which side panels of the run view are open. */
  panels: { summary: boolean; votes: boolean; overview: boolean }
  /** Command id to shortcut; '' takes the shortcut away. */
  shortcuts: Record<string, string>
  presets: Preset[]
  model: string
  /** An unused model leaves memory after so many minutes; 0: never. The host reads it. */
  idleMinutes: number
  /** The host loads the chosen model when it starts. */
  loadAtStart: boolean
  /** Set by the host, which turned `loadAtStart` off: this model's loading ended the engine. */
  notLoadedAtStart: string
  heat: 'logprob' | 'entropy' | 'none'
  whitespace: boolean
}

export const PREF_DEFAULTS: Prefs = {
  theme: 'system',
  language: '',
  textSize: 'normal',
  motion: 'system',
  followLive: true,
  layout: 'grid',
  panels: { summary: true, votes: true, overview: true },
  shortcuts: {},
  presets: [],
  model: '',
  idleMinutes: 15,
  loadAtStart: false,
  notLoadedAtStart: '',
  heat: 'logprob',
  whitespace: false,
}

const KEY = 'braid.prefs'

/** Known keys of the right kind; everything else falls back to the default. */
export function readPrefs(raw: unknown): Prefs {
  const prefs = { ...PREF_DEFAULTS }
  if (typeof raw !== 'object' || raw === null) return prefs
  for (const key of Object.keys(PREF_DEFAULTS) as (keyof Prefs)[]) {
    const value = (raw as Record<string, unknown>)[key]
    const fallback = PREF_DEFAULTS[key]
    if (
      typeof value === typeof fallback &&
      Array.isArray(value) === Array.isArray(fallback) &&
      value !== null
    )
      Object.assign(prefs, { [key]: value })
  }
  return prefs
}

function cached(): Prefs {
  try {
    return readPrefs(JSON.parse(localStorage.getItem(KEY) ?? '{}'))
  } catch {
    return PREF_DEFAULTS
  }
}

export const usePrefs = create<Prefs>(() =>
  typeof localStorage === 'undefined' ? PREF_DEFAULTS : cached(),
)

/** Changed while the host could not be told. */
const unsent = new Set<keyof Prefs>()

export function setPref<K extends keyof Prefs>(key: K, value: Prefs[K]): void {
  usePrefs.setState({ [key]: value } as Partial<Prefs>)
  remember()
  host.call('settings.set', { [key]: value }).catch(() => unsent.add(key))
}

/** What the host remembers wins over this browser's cache, but for what was changed since. */
export async function loadPrefs(): Promise<void> {
  if (unsent.size > 0) {
    const prefs = usePrefs.getState()
    await host.call('settings.set', Object.fromEntries([...unsent].map((key) => [key, prefs[key]])))
    unsent.clear()
  }
  const stored = await host.call('settings.get', {})
  usePrefs.setState(readPrefs({ ...usePrefs.getState(), ...stored }))
  remember()
}

function remember(): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(usePrefs.getState()))
  } catch {
    /* storage full or refused: the host has it */
  }
}

/** The look that follows from the preferences, as attributes of <html>. */
export function applyLook(prefs: Prefs): void {
  const dark =
    prefs.theme === 'dark' ||
    (prefs.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
  const { dataset } = document.documentElement
  dataset.theme = dark ? 'dark' : 'light'
  dataset.text = prefs.textSize
  dataset.motion = prefs.motion
}
