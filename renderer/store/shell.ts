import { Bridge, type BridgeArgument, type BridgePort } from '../../engine/protocol/bridge.ts'

declare global {
  interface Window {
    braidShell?: BridgePort
  }
}

let bridge: Bridge | undefined

/**
 * The desktop shell. In browser mode there is none: files are typed as paths, saved by the browser, and the host is
 * reached over a WebSocket.
 */
export function shell(): Bridge | undefined {
  if (window.braidShell !== undefined) bridge ??= new Bridge(window.braidShell)
  return bridge
}

/** Saves text as a file: by the shell's dialog, else as a browser download. false: the user cancelled. */
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
