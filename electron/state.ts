import { app, screen, type BrowserWindow, type Rectangle } from 'electron'
import { join } from 'node:path'
import { z } from 'zod'
import { DataFile } from '../engine/files/index.ts'
import { say } from '../engine/terminal/index.ts'
import { readPreferences, type Preferences } from '../engine/protocol/preferences.ts'

type State = Preferences<'shell'>
const SAVE_MS = 400
const EDGE = 40

/** The shell's preferences: the place of the window, and whether it may check for releases. */
export class ShellState {
  readonly #file: DataFile<Record<string, unknown>>
  #state: State

  constructor() {
    const file = join(app.getPath('userData'), 'shell.json')
    this.#file = new DataFile(file, z.record(z.string(), z.unknown()), {})
    this.#state = readPreferences(this.#file.read(), 'shell')
  }

  get(): State {
    return this.#state
  }

  set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change }
    try {
      this.#file.write({ ...this.#file.read(), ...this.#state })
    } catch (error) {
      say((error as Error).message) // On a full disk only the window's place is lost.
    }
  }

  /** Returns the saved bounds if they are on a screen, or only their size if they are not. */
  bounds(): Partial<Rectangle> {
    const { bounds } = this.#state
    if (bounds === null) return {}
    const { workArea } = screen.getDisplayMatching(bounds)
    const visible =
      bounds.x < workArea.x + workArea.width - EDGE &&
      bounds.x + bounds.width > workArea.x + EDGE &&
      bounds.y >= workArea.y - EDGE &&
      bounds.y < workArea.y + workArea.height - EDGE
    return visible
      ? bounds
      : {
          width: Math.min(bounds.width, workArea.width),
          height: Math.min(bounds.height, workArea.height),
        }
  }

  /** Saves place, size and zoom of the window when they change. */
  follow(window: BrowserWindow): void {
    let timer: NodeJS.Timeout | undefined
    const save = () => {
      clearTimeout(timer)
      if (window.isDestroyed()) return
      this.set({
        bounds: window.getNormalBounds(),
        maximized: window.isMaximized(),
        zoom: window.webContents.getZoomLevel(),
      })
    }
    const soon = () => {
      clearTimeout(timer)
      timer = setTimeout(save, SAVE_MS)
    }
    for (const event of ['resize', 'move', 'maximize', 'unmaximize', 'blur'] as const)
      window.on(event as 'resize', soon)
    window.on('close', save)
    window.webContents.on('zoom-changed', soon)
    window.webContents.on('did-finish-load', () =>
      window.webContents.setZoomLevel(this.#state.zoom),
    )
  }
}
