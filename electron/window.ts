import { app, BrowserWindow, dialog, nativeTheme, type Event } from 'electron'
import { join } from 'node:path'
import { isPage, ORIGIN } from './page.ts'
import type { ShellState } from './state.ts'

const CRASHES = 3
const CRASH_WINDOW_MS = 5 * 60_000

/**
 * Blocks navigation, new windows and embedded pages in every page of the app. Links leave only through `openExternal`.
 */
export function guardContents(): void {
  app.on('web-contents-created', (_event, contents) => {
    const stay = (event: Event, url: string) => {
      if (!isPage(url)) event.preventDefault()
    }
    contents.on('will-navigate', stay)
    contents.on('will-redirect', stay)
    contents.on('will-attach-webview', (event) => event.preventDefault())
    contents.setWindowOpenHandler(() => ({ action: 'deny' }))
  })
}

export function openWindow(state: ShellState): BrowserWindow {
  const window = new BrowserWindow({
    width: 1280,
    height: 840,
    ...state.bounds(),
    minWidth: 480,
    minHeight: 400,
    show: false,
    title: 'Braid',
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#111111' : '#ffffff',
    webPreferences: {
      preload: join(__dirname, 'preload.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      // The dictionaries would come from the network.
      spellcheck: false,
    },
  })
  if (state.get().maximized) window.maximize()
  window.once('ready-to-show', () => window.show())
  state.follow(window)
  const crashes: number[] = []
  // The runs live in the engine's process, so a page that crashed can reload them.
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason === 'clean-exit') return
    const now = Date.now()
    crashes.push(now)
    if (crashes.filter((time) => time > now - CRASH_WINDOW_MS).length < CRASHES)
      return window.webContents.reload()
    dialog.showErrorBox(
      'Braid',
      `The window crashed ${CRASHES} times in a short time (${reason}). Your runs are saved. Start Braid again.`,
    )
    app.quit()
  })
  void window.loadURL(`${ORIGIN}/`)
  return window
}
