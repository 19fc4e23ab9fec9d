import { create } from 'zustand'
import type { BraidError } from '../../engine/protocol/errors.ts'
import { readPreferences, type Preferences } from '../../engine/protocol/preferences.ts'
import { host } from './host.ts'
import { report } from './toasts.ts'

/** What the window remembers between launches; the host keeps it, localStorage is the cache of the first paint. */
export type Prefs = Preferences<'shared'>

const KEY = 'braid.prefs'

function cached(): Prefs {
  try {
    return readPreferences(JSON.parse(localStorage.getItem(KEY) ?? '{}'), 'shared')
  } catch {
    return readPreferences({}, 'shared') // no storage, or no JSON in it
  }
}

export const usePrefs = create<Prefs>(cached)

/** Changed while the host could not be told. */
const unsent = new Set<keyof Prefs>()

export function setPref<K extends keyof Prefs>(key: K, value: Prefs[K]): void {
  const change = { [key]: value } as Partial<Prefs>
  usePrefs.setState(change)
  remember()
  host.call('settings.set', change).catch((error: BraidError) => {
    // What the host refuses now it will refuse again.
    if (error.code === 'bad-request') report(Promise.reject(error))
    else unsent.add(key)
  })
}

/** What the host remembers wins over this browser's cache, but for what was changed since. */
export async function loadPrefs(): Promise<void> {
  if (unsent.size > 0) {
    const prefs = usePrefs.getState()
    await host.call('settings.set', Object.fromEntries([...unsent].map((key) => [key, prefs[key]])))
    unsent.clear()
  }
  const stored = await host.call('settings.get', {})
  usePrefs.setState(stored)
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
