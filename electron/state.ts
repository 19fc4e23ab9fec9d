import { app, screen, type BrowserWindow, type Rectangle } from 'electron'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { DataFile } from '../engine/host/data-file.ts'

/** What the shell keeps between starts: where the window was, and whether it may look for releases. */
const State = z.object({
  bounds: z
    .object({ x: z.int(), y: z.int(), width: z.int().min(1), height: z.int().min(1) })
    .optional(),
  maximized: z.boolean().optional(),
  /** Electron's zoom level: each step is 20 %. */
  zoom: z.number().min(-8).max(9).optional(),
  /** Look for a release once a day; absent: never asked. */
  checkReleases: z.boolean().optional(),
  /** Of the last such look, milliseconds since 1970. */
  checkedAt: z.number().optional(),
})
export type State = z.infer<typeof State>

const SAVE_MS = 400
const EDGE = 40

export class ShellState {
  readonly #file: DataFile<State>
  #state: State

  constructor() {
    const folder = app.getPath('userData')
    mkdirSync(folder, { recursive: true })
    this.#file = new DataFile(join(folder, 'shell.json'), State, {})
    this.#state = this.#file.read()
  }

  get(): State {
    return this.#state
  }

  set(change: State): void {
    this.#state = { ...this.#state, ...change }
    try {
      this.#file.write(this.#state)
    } catch (error) {
      console.error((error as Error).message) // A full disk costs the window's place, nothing else.
    }
  }

  /** Bounds that are on a screen, or none. */
  bounds(): Partial<Rectangle> {
    const { bounds } = this.#state
    if (bounds === undefined) return {}
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

  /** Keeps place, size and zoom of the window as they change. */
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
      window.webContents.setZoomLevel(this.#state.zoom ?? 0),
    )
  }
}
