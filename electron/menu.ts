import { app, Menu, type MenuItemConstructorOptions } from 'electron'
import type { CommandGroup, PageMenu } from '../engine/protocol/bridge.ts'

type Item = MenuItemConstructorOptions

export interface MenuActions {
  command: (id: string) => void
  open: () => void
  about: () => void
  licences: () => void
  /** Undefined if this copy does not know where its releases are. */
  releases?: { check: () => void; daily: boolean; setDaily: (daily: boolean) => void }
}

const NAMES: PageMenu['names'] = {
  file: 'File',
  edit: 'Edit',
  view: 'View',
  run: 'Run',
  path: 'Path',
  window: 'Window',
  help: 'Help',
}
const KEYS: Record<string, string> = {
  Mod: 'CmdOrCtrl',
  ArrowUp: 'Up',
  ArrowDown: 'Down',
  ArrowLeft: 'Left',
  ArrowRight: 'Right',
  Enter: 'Return',
  Escape: 'Esc',
  '+': 'Plus',
}

/**
 * Returns a shortcut of the page in Electron's notation, or undefined if Electron cannot express it or it has no
 * modifier.
 */
export function accelerator(shortcut: string): string | undefined {
  const keys = shortcut.split('+').map((key) => KEYS[key] ?? key)
  return /^(Mod|Alt)\+/.test(shortcut) &&
    keys.every((key) => /^([\x21-\x7e]|[A-Za-z0-9]+)$/.test(key))
    ? keys.join('+')
    : undefined
}

/**
 * Builds the menu bar from the page's commands and the window's own. Before the page has loaded, it has only the
 * latter.
 */
export function buildMenu(
  page: PageMenu | undefined,
  actions: MenuActions,
  platform: NodeJS.Platform = process.platform,
): Menu {
  return Menu.buildFromTemplate(template(page, actions, platform))
}

export function template(
  page: PageMenu | undefined,
  actions: MenuActions,
  platform: NodeJS.Platform,
): Item[] {
  const mac = platform === 'darwin'
  const names = page?.names ?? NAMES
  // The page listens for its keys itself, so the menu only shows them (on macOS the menu's own accelerators come
  // first).
  const item = ({ id, title, shortcut, enabled }: PageMenu['commands'][number]): Item => ({
    id,
    label: title.replaceAll('&', '&&'),
    enabled,
    accelerator: accelerator(shortcut),
    registerAccelerator: false,
    click: () => actions.command(id),
  })
  const of = (group: CommandGroup, pick: (id: string) => boolean = () => true): Item[] =>
    (page?.commands ?? [])
      .filter((command) => command.group === group && pick(command.id))
      .map(item)
  const line: Item = { type: 'separator' }
  const only =
    (...ids: string[]) =>
    (id: string) =>
      ids.includes(id)
  const settings = of('app', only('app.settings'))
  const { releases } = actions
  const help: Item[] = [
    { id: 'shell.about', label: 'About Braid', click: actions.about },
    { id: 'shell.licences', label: 'Licences', click: actions.licences },
    ...(releases === undefined
      ? []
      : [
          line,
          { id: 'shell.releases', label: 'Check for a new release…', click: releases.check },
          {
            id: 'shell.releases.daily',
            label: 'Check once a day',
            type: 'checkbox',
            checked: releases.daily,
            click: ({ checked }) => releases.setDaily(checked),
          } satisfies Item,
        ]),
  ]
  const menus: Item[] = [
    ...(mac
      ? [
          {
            label: app.name,
            submenu: [
              { id: 'shell.about', label: 'About Braid', click: actions.about },
              line,
              ...settings,
              line,
              { role: 'services' },
              line,
              { role: 'hide' },
              { role: 'hideOthers' },
              { role: 'unhide' },
              line,
              { role: 'quit' },
            ],
          } satisfies Item,
        ]
      : []),
    {
      label: names.file,
      submenu: [
        ...of('app', only('app.new')),
        { id: 'shell.open', label: 'Open…', accelerator: 'CmdOrCtrl+O', click: actions.open },
        line,
        ...of('export'),
        line,
        ...(mac ? [] : [...settings, line]),
        { role: mac ? 'close' : 'quit' },
      ],
    },
    { label: names.edit, role: 'editMenu' },
    { label: names.run, submenu: [...of('compose'), line, ...of('run')] },
    { label: names.path, submenu: of('path') },
    {
      label: names.view,
      submenu: [
        ...of('view'),
        line,
        ...of('app', (id) => !['app.new', 'app.settings'].includes(id)),
        line,
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        line,
        { role: 'togglefullscreen' },
        ...(app.isPackaged ? [] : [{ role: 'toggleDevTools' } satisfies Item]),
      ],
    },
    { label: names.window, role: 'windowMenu' },
    { label: names.help, role: 'help', submenu: help },
  ]
  return menus.filter(
    ({ submenu }) => !Array.isArray(submenu) || submenu.some(({ type }) => type !== 'separator'),
  )
}
