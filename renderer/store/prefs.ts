import { create } from 'zustand'
import type { BraidError } from '../../engine/protocol/errors.ts'
import { readPreferences, type Preferences } from '../../engine/protocol/preferences.ts'
import { host } from './host.ts'
import { report, toast } from './toasts.ts'

/** Preferences that outlive the window. The host stores them; localStorage is a cache for the first paint. */
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

/** Preferences that changed while the host was unreachable. */
const unsent = new Set<keyof Prefs>()

export function setPref<K extends keyof Prefs>(key: K, value: Prefs[K]): void {
  const change = { [key]: value } as Partial<Prefs>
  usePrefs.setState(change)
  remember()
  host.call('settings.set', change).catch((error: BraidError) => {
    // The host would refuse the same value again.
    if (error.code === 'bad-request') report(Promise.reject(error))
    else unsent.add(key)
  })
}

/** Gives every command its own shortcut again, which can be undone. */
export function resetShortcuts(): void {
  const { shortcuts } = usePrefs.getState()
  setPref('shortcuts', {})
  toast({
    message: ['settings.shortcutsReset'],
    action: { label: 'action.undo', run: () => setPref('shortcuts', shortcuts) },
  })
}

/** Applies the host's preferences over this browser's cache, except for those that changed since. */
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

/** Sets the attributes of <html> that theme, text size and motion follow from. */
export function applyLook(prefs: Prefs): void {
  const dark =
    prefs.theme === 'dark' ||
    (prefs.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
  const { dataset } = document.documentElement
  dataset.theme = dark ? 'dark' : 'light'
  dataset.text = prefs.textSize
  dataset.motion = prefs.motion
}
