import { app, type BrowserWindow, dialog, Menu, protocol, session } from 'electron'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Supervisor } from '../engine/supervisor.ts'
import { dataFolder } from '../engine/transcripts/folder.ts'
import { spawnHost } from './host.ts'
import { SCHEME, servePage } from './page.ts'
import { answerRequests } from './requests.ts'
import { guardContents, openWindow } from './window.ts'

/** The desktop shell: one window over one engine host. It runs from `dist/electron`, beside `dist/engine` and `dist/renderer`. */
const { model } = parseArgs({ args: process.argv.slice(1), strict: false, options: { model: { type: 'string', short: 'm' } } }).values
const dist = join(__dirname, '..')
let window: BrowserWindow | undefined
let supervisor: Supervisor | undefined

app.setName('Braid')
// The lock is one of this folder, so two windows never write to the same data.
app.setPath('userData', join(dataFolder(), 'window'))

if (app.requestSingleInstanceLock()) {
  protocol.registerSchemesAsPrivileged([SCHEME])
  guardContents()
  app.on('second-instance', () => {
    if (window?.isMinimized()) window.restore()
    window?.focus()
  })
  app.on('window-all-closed', () => app.quit())
  app.on('will-quit', (event) => {
    if (supervisor === undefined) return
    event.preventDefault()
    const ending = supervisor
    supervisor = undefined
    void ending.close().finally(() => app.quit())
  })
  app.whenReady().then(start).catch((error: Error) => {
    dialog.showErrorBox('Braid', error.message)
    app.exit(1)
  })
} else {
  app.quit()
}

function start(): void {
  servePage(session.defaultSession, join(dist, 'renderer'))
  Menu.setApplicationMenu(Menu.buildFromTemplate([
    ...(process.platform === 'darwin' ? [{ role: 'appMenu' } as const] : []),
    { role: 'fileMenu' }, { role: 'editMenu' }, { role: 'viewMenu' }, { role: 'windowMenu' },
  ]))
  const file = typeof model === 'string' ? resolve(model) : ''
  let starts = 0
  const engine = supervisor = new Supervisor({
    // Only the first process links the model: later ones keep what was chosen since.
    spawn: () => spawnHost(join(dist, 'engine', 'host-main.js'), { BRAID_OPEN_MODEL: starts++ === 0 ? file : '' }),
    onState: (state, message) => state !== 'up' && console.error(message),
  })
  answerRequests(() => window, (channel) => engine.connect(channel))
  window = openWindow()
  window.on('closed', () => { window = undefined })
}
