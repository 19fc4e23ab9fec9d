import { app, dialog, protocol, session, shell } from 'electron'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { safeUrl } from '../engine/protocol/links.ts'
import { dataFolder } from '../engine/transcripts/index.ts'
import { filesOf } from './files.ts'
import { SCHEME, servePage } from './page.ts'
import { Workbench } from './workbench.ts'
import { guardContents } from './window.ts'

/**
 * The desktop shell: one window and one engine host. In a checkout it runs from `dist/electron`, next to `dist/engine`
 * and `dist/renderer`; in an installed copy, the engine's files are in `resources/braid`.
 */
const { values } = parseArgs({
  args: process.argv.slice(1),
  strict: false,
  options: { model: { type: 'string', short: 'm' } },
})
const model = typeof values.model === 'string' ? resolve(values.model) : ''
const files = filesOf(process.argv.slice(1), process.cwd())
let workbench: Workbench | undefined
/** Files that were opened before there was a window. */
const early: string[] = []

// Nobody may be reading what is printed.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

app.setName('Braid')
// The single-instance lock belongs to this folder, so two windows never write to the same data.
app.setPath('userData', join(dataFolder(), 'window'))

// A second start hands its files to the running Braid and quits.
if (app.requestSingleInstanceLock({ files: model === '' ? files : [...files, model] })) {
  protocol.registerSchemesAsPrivileged([SCHEME])
  guardContents()
  app.on('second-instance', (_event, _args, _folder, given) => {
    const { files } = given as { files?: unknown }
    workbench?.show()
    open(Array.isArray(files) ? files.filter((file) => typeof file === 'string') : [])
  })
  app.on('open-file', (event, path) => {
    event.preventDefault()
    open([path])
  })
  app.on('window-all-closed', () => app.quit())
  app.on('will-quit', (event) => {
    if (workbench === undefined) return
    event.preventDefault()
    const ending = workbench
    workbench = undefined
    void ending.close().finally(() => app.quit())
  })
  app
    .whenReady()
    .then(start)
    .catch((error: Error) => {
      dialog.showErrorBox('Braid', error.message)
      app.exit(1)
    })
} else {
  app.quit()
}

function open(paths: readonly string[]): void {
  if (workbench === undefined) early.push(...paths)
  else workbench.openFiles(paths)
}

function start(): void {
  const dist = join(__dirname, '..')
  servePage(session.defaultSession, join(dist, 'renderer'))
  const root = app.isPackaged ? join(process.resourcesPath, 'braid') : join(dist, '..')
  workbench = new Workbench({
    root,
    engine: app.isPackaged ? join(root, 'dist', 'engine') : join(dist, 'engine'),
    model,
    openLink: async (url) => {
      const safe = safeUrl(url)
      if (safe === null) throw new Error('Only web and mail addresses can be opened.')
      await shell.openExternal(safe)
    },
  })
  workbench.openFiles([...early, ...files])
}
