import type { Channel } from '../../engine/protocol/wire.ts'

/**
 * What the desktop shell's preload offers (`window.braidShell`). In browser mode it is absent: files are typed
 * as paths, saved by the browser, and the host is reached over a WebSocket.
 */
export interface BraidShell {
  /** A new connection to the engine host; called again after the host restarted. */
  connect(): Promise<MessagePort | Channel>
  /** The system's open dialog for a GGUF file; null: cancelled. */
  pickFile?(): Promise<string | null>
  /** The system's open dialog for a folder; null: cancelled. */
  pickFolder?(): Promise<string | null>
  /** Keeps the hub's token in the system's keychain and hands it to the engine at every start; null forgets it. false: there is no keychain. */
  rememberToken?(token: string | null): Promise<boolean>
  /** The system's save dialog; false: cancelled. */
  saveFile?(file: { name: string; mimeType: string; content: string }): Promise<boolean>
  /** Path of a dropped file. */
  pathForFile?(file: File): string
  /** Opens a link that the user confirmed; the shell checks the address once more. */
  openExternal?(url: string): Promise<void>
  /** The menu bar's commands; the shell shows them and tells `onCommand` which was chosen. */
  setMenu?(menu: ShellMenu): Promise<void>
  onCommand?(listener: (id: string) => void): void
  /** Files that the user opens by the system: a double click, the Open dialog, a second start. */
  onFile?(listener: (file: GivenFile) => void): void
  /** A run that the user wants to see, such as by a notification. */
  onShow?(listener: (run: string) => void): void
}

export interface ShellMenu {
  commands: { id: string; title: string; group: string; shortcut: string; enabled: boolean }[]
  names: Record<'file' | 'edit' | 'view' | 'run' | 'path' | 'window' | 'help', string>
}
export type GivenFile =
  | { kind: 'model'; path: string }
  | { kind: 'run'; name: string; content: string }
  | { kind: 'bad'; name: string; reason: string }

declare global {
  interface Window {
    braidShell?: BraidShell
  }
}

export const shell = (): BraidShell | undefined => window.braidShell

/** Saves text as a file: by the shell's dialog, else as a browser download. false: the user cancelled. */
export async function saveFile(file: {
  name: string
  mimeType: string
  content: string
}): Promise<boolean> {
  const save = shell()?.saveFile
  if (save !== undefined) return save(file)
  const url = URL.createObjectURL(
    new Blob([file.content], { type: `${file.mimeType};charset=utf-8` }),
  )
  const link = document.createElement('a')
  link.href = url
  link.download = file.name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
  return true
}
