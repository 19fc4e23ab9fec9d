import { Bridge, type BridgeArgument, type BridgePort } from '../../engine/protocol/bridge.ts'

declare global {
  interface Window {
    braidShell?: BridgePort
  }
}

let bridge: Bridge | undefined

/**
 * Returns the desktop shell, or undefined in a browser. There, users type the paths of files, the browser saves files,
 * and a WebSocket leads to the host.
 */
export function shell(): Bridge | undefined {
  if (window.braidShell !== undefined) bridge ??= new Bridge(window.braidShell)
  return bridge
}

/** Saves text as a file with the shell's dialog, or as a browser download. Returns false if the user cancelled. */
export async function saveFile(file: BridgeArgument<'saveFile'>): Promise<boolean> {
  const desktop = shell()
  if (desktop !== undefined) return desktop.call('saveFile', file)
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
