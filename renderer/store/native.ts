import i18next from 'i18next'
import type { Bridge, GivenFile, PageMenu } from '../../engine/protocol/bridge.ts'
import { failureWords } from '../i18n/wording.ts'
import { CATALOGUE, runCommand, shortcutOf } from '../commands/catalogue.ts'
import { currentTarget } from '../commands/target.ts'
import { t } from '../i18n/index.ts'
import { useCompose } from './compose.ts'
import { openRuns } from './history.ts'
import { host } from './host.ts'
import { addModel } from './models.ts'
import { usePrefs } from './prefs.ts'
import { useReplay } from './replay.ts'
import { go, useRoute } from './route.ts'
import { useRuns } from './runs.ts'
import { shell } from './shell.ts'
import { report, toast } from './toasts.ts'
import { useUi } from './ui.ts'

const MENU_MS = 250

/**
 * Connects the page to the desktop shell: menu bar, files that the system opens, runs that a notification shows. Also
 * handles dropped files, in a browser too.
 */
export function startNative(): void {
  addEventListener('dragover', (event) => event.preventDefault())
  addEventListener('drop', dropped)
  const native = shell()
  if (native === undefined) return
  followMenu(native)
  native.on('command', (id) => {
    if (CATALOGUE.some((command) => command.id === id)) runCommand(id)
  })
  native.on('show', (run) => go({ view: 'run', run }))
  native.on('file', (file) => report(openGiven(file)))
  report(native.call('ready'))
}

/** Updates the menu bar from the command catalogue, with a short delay. */
function followMenu(native: Bridge): void {
  let sent = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  const send = (): void => {
    timer = undefined
    const menu = menuOf()
    const text = JSON.stringify(menu)
    if (text === sent) return
    sent = text
    report(native.call('setMenu', menu))
  }
  const soon = (): void => {
    timer ??= setTimeout(send, MENU_MS)
  }
  for (const store of [useRoute, useRuns, useUi, usePrefs, useCompose, useReplay])
    store.subscribe(soon)
  host.onState(soon)
  i18next.on('languageChanged', soon)
  soon()
}

export function menuOf(): PageMenu {
  const target = currentTarget()
  const own = usePrefs.getState().shortcuts
  return {
    commands: CATALOGUE.map((command) => ({
      id: command.id,
      title: t(command.title),
      group: command.group,
      shortcut: shortcutOf(command, own),
      enabled: command.why(target) === null,
    })),
    names: {
      file: t('menu.file'),
      edit: t('menu.edit'),
      view: t('menu.view'),
      run: t('menu.run'),
      path: t('menu.path'),
      window: t('menu.window'),
      help: t('menu.help'),
    },
  }
}

/** Opens dropped files, unless a view has taken them (and prevented the default). */
function dropped(event: DragEvent): void {
  if (event.defaultPrevented) return
  event.preventDefault()
  const [models, runs]: [File[], File[]] = [[], []]
  for (const file of event.dataTransfer?.files ?? [])
    (/\.gguf$/i.test(file.name) ? models : runs).push(file)
  if (models.length > 0) report(openDroppedModels(models))
  if (runs.length > 0) report(openRuns(runs))
}

async function openDroppedModels(files: File[]): Promise<void> {
  for (const file of files) {
    const path = shell()?.pathForFile(file)
    if (path === undefined || path === '')
      return toast({ kind: 'bad', message: ['models.dropBrowser'] })
    await openGiven({ kind: 'model', path })
  }
}

export async function openGiven(file: GivenFile): Promise<void> {
  if (file.kind === 'bad')
    return toast({ kind: 'bad', message: ['files.bad', { name: file.name, reason: file.reason }] })
  if (file.kind === 'run') return openRuns([new File([file.content], file.name)])
  try {
    const { name } = await addModel(file.path)
    toast({ message: ['files.modelAdded', { name }] })
    go({ view: 'compose' })
  } catch (error) {
    toast({
      kind: 'bad',
      message: [
        'files.bad',
        { name: file.path.split(/[\\/]/).at(-1)!, reason: failureWords(error) },
      ],
    })
  }
}
