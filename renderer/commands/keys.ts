import { useUi } from '../store/ui.ts'
import { CATALOGUE, runCommand, shortcutOf } from './catalogue.ts'

const MAC = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform)

/**
 * Returns the shortcut of a key event, such as `Mod+Shift+K`, by the key's place on the keyboard, so that Alt does not
 * change the letter. '' for a bare modifier.
 */
export function shortcutFor(
  event: Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>,
): string {
  const { key, code } = event
  if (key === 'Control' || key === 'Shift' || key === 'Alt' || key === 'Meta') return ''
  const name = /^Key[A-Z]$/.test(code)
    ? code.slice(3)
    : /^Digit\d$/.test(code)
      ? code.slice(5)
      : key === ' '
        ? 'Space'
        : key.length === 1
          ? key.toUpperCase()
          : key
  const mod = MAC ? event.metaKey : event.ctrlKey
  return [mod && 'Mod', event.altKey && 'Alt', event.shiftKey && 'Shift', name]
    .filter(Boolean)
    .join('+')
}

/** Returns a shortcut as people read it: Ctrl+K, or ⌘K on a Mac. */
export function displayShortcut(shortcut: string): string {
  if (!MAC) return shortcut.replace('Mod', 'Ctrl').replace('Arrow', '')
  return shortcut.replace('Mod+', '⌘').replace('Alt+', '⌥').replace('Shift+', '⇧')
}

/**
 * Returns whether a shortcut works while the user types: only one that does not write a character. On a Mac, Option
 * writes characters too.
 */
export const actsInText = (shortcut: string, mac = MAC): boolean =>
  (mac ? /^Mod\+/ : /^(Mod|Alt)\+/).test(shortcut)

/** Listens for all shortcuts. A key that is held down runs its command once. */
export function listenForShortcuts(): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return
    const shortcut = shortcutFor(event)
    if (shortcut === '') return
    const typing =
      event.target instanceof HTMLElement &&
      event.target.closest('input:not([type="range"]), textarea, select, [contenteditable]') !==
        null
    if (typing && !actsInText(shortcut)) return
    const { dialog, link } = useUi.getState()
    if (dialog !== null || link !== null) return
    const command = CATALOGUE.find((candidate) => shortcutOf(candidate) === shortcut)
    if (command !== undefined && (event.repeat || runCommand(command.id))) event.preventDefault()
  }
  addEventListener('keydown', onKey)
  return () => removeEventListener('keydown', onKey)
}
