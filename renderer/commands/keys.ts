import { useUi } from '../store/ui.ts'
import { CATALOGUE, runCommand, shortcutOf } from './catalogue.ts'

const MAC = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform)

/** The key of an event by its place on the keyboard, so that Alt changes no letter: `Mod+Shift+K`. '' for a bare modifier. */
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

/** As a person reads it: Ctrl+K, or ⌘K on a Mac. */
export function displayShortcut(shortcut: string): string {
  if (!MAC) return shortcut.replace('Mod', 'Ctrl').replace('Arrow', '')
  return shortcut.replace('Mod+', '⌘').replace('Alt+', '⌥').replace('Shift+', '⇧')
}

/** Whether a shortcut acts while text is typed: one that writes nothing. On a Mac, Option writes letters too. */
export const actsInText = (shortcut: string, mac = MAC): boolean =>
  (mac ? /^Mod\+/ : /^(Mod|Alt)\+/).test(shortcut)

/** One listener for all shortcuts. A key held down acts once. */
export function listenForShortcuts(): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return
    const shortcut = shortcutFor(event)
    if (shortcut === '') return
    const typing =
      event.target instanceof HTMLElement &&
      event.target.closest('input, textarea, select, [contenteditable]') !== null
    if (typing && !actsInText(shortcut)) return
    const { dialog, link } = useUi.getState()
    if (dialog !== null || link !== null) return
    const command = CATALOGUE.find((candidate) => shortcutOf(candidate) === shortcut)
    if (command !== undefined && (event.repeat || runCommand(command.id))) event.preventDefault()
  }
  addEventListener('keydown', onKey)
  return () => removeEventListener('keydown', onKey)
}
