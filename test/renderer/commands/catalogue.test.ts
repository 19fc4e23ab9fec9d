import { expect, test, vi } from 'vitest'
import { CATALOGUE, conflicts, shortcutOf } from '../../../renderer/commands/catalogue.ts'
import { match } from '../../../renderer/commands/match.ts'
import { actsInText, listenForShortcuts, shortcutFor } from '../../../renderer/commands/keys.ts'
import { useUi } from '../../../renderer/store/ui.ts'
import { en } from '../../../renderer/i18n/en.ts'

test('every command has an id and a title of its own', () => {
  expect(new Set(CATALOGUE.map((command) => command.id)).size).toBe(CATALOGUE.length)
  for (const command of CATALOGUE) expect(en).toHaveProperty([command.title])
})

test('no two commands come with the same shortcut; own ones may clash and are told', () => {
  expect(conflicts({})).toEqual(new Map())
  const clash = conflicts({ 'run.find': 'Mod+K' })
  expect(clash.get('Mod+K')?.map((command) => command.id)).toEqual(['app.palette', 'run.find'])
  expect(conflicts({ 'run.find': '' })).toEqual(new Map())
})

test('an own shortcut replaces the one a command comes with', () => {
  const [palette] = CATALOGUE
  expect(shortcutOf(palette!, {})).toBe('Mod+K')
  expect(shortcutOf(palette!, { [palette!.id]: 'Alt+P' })).toBe('Alt+P')
  expect(shortcutOf(palette!, { [palette!.id]: '' })).toBe('')
})

test('keys are read by their place, so that Alt changes no letter', () => {
  const event = (change: Partial<KeyboardEvent>) =>
    shortcutFor({
      key: 'k',
      code: 'KeyK',
      ctrlKey: false,
      metaKey: false,
      altKey: false,
      shiftKey: false,
      ...change,
    })
  expect(event({ ctrlKey: true })).toBe('Mod+K')
  expect(event({ altKey: true, key: '˚' })).toBe('Alt+K')
  expect(event({ ctrlKey: true, shiftKey: true, key: 'Enter', code: 'Enter' })).toBe(
    'Mod+Shift+Enter',
  )
  expect(event({ key: 'Control', code: 'ControlLeft', ctrlKey: true })).toBe('')
  expect(event({ altKey: true, key: '1', code: 'Digit1' })).toBe('Alt+1')
})

test('while text is typed, keys that write text do not act: on a Mac, Option writes letters', () => {
  const acting = (mac: boolean) =>
    ['Mod+K', 'Alt+N', 'Shift+N', 'N'].filter((shortcut) => actsInText(shortcut, mac))
  expect([acting(false), acting(true)]).toEqual([['Mod+K', 'Alt+N'], ['Mod+K']])
})

test('a key held down acts once, and the page has none of it', () => {
  let press: (event: object) => void = () => undefined
  vi.stubGlobal('addEventListener', (_: string, listener: typeof press) => {
    press = listener
  })
  vi.stubGlobal('HTMLElement', class {})
  listenForShortcuts()
  const held = (repeat: boolean) => {
    const preventDefault = vi.fn()
    press({ key: 'k', code: 'KeyK', ctrlKey: true, target: null, repeat, preventDefault })
    return preventDefault.mock.calls.length
  }
  expect([held(false), useUi.getState().dialog]).toEqual([1, 'palette'])
  useUi.setState({ dialog: null })
  expect([held(true), useUi.getState().dialog]).toEqual([1, null])
  vi.unstubAllGlobals()
})

test('the palette ranks what was typed: beginnings first', () => {
  const names = ['Run again with a new seed', 'New run', 'Renew', 'Next path']
  expect(
    names
      .filter((name) => match(name, 'new') > 0)
      .sort((a, b) => match(b, 'new') - match(a, 'new')),
  ).toEqual(['New run', 'Run again with a new seed', 'Renew'])
  expect(match('Run again with a new seed', 'seed run')).toBe(1)
  expect(match('Next path', 'xyz')).toBe(0)
  expect(match('Replay', 'replay')).toBeGreaterThan(match('Replay the recorded run', 'replay'))
})
