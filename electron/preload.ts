import { contextBridge, ipcRenderer, webUtils } from 'electron'
import type { BridgePort } from '../engine/protocol/bridge.ts'
import type { Channel } from '../engine/protocol/wire.ts'
import { IPC } from './ipc.ts'

/**
 * Exposes `window.braidShell`, all that the page sees of the shell: names and values, which the main process checks.
 */

/** The part of the browser's MessagePort that this file uses. */
interface Port {
  postMessage(message: unknown): void
  close(): void
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: (() => void) | null
}
declare const MessageChannel: new () => { port1: Port; port2: Port }
type DroppedFile = Parameters<typeof webUtils.getPathForFile>[0]

/** Opens a connection to the engine host as functions, since a port cannot cross into the page's context. */
function connect(): Channel {
  const { port1, port2 } = new MessageChannel()
  ipcRenderer.postMessage(IPC.connect, null, [port2 as never])
  return {
    send: (message) => port1.postMessage(message),
    onMessage: (listener) => void (port1.onmessage = ({ data }) => listener(data)),
    onClose: (listener) => void (port1.onclose = () => listener()),
    close: () => port1.close(),
  }
}

contextBridge.exposeInMainWorld('braidShell', {
  connect,
  call: (name, argument) => ipcRenderer.invoke(IPC.call, name, argument) as Promise<unknown>,
  listen: (listener) => {
    ipcRenderer.removeAllListeners(IPC.push)
    ipcRenderer.on(IPC.push, (_event, name: unknown, value: unknown) => listener(name, value))
  },
  pathForFile: (file) => webUtils.getPathForFile(file as DroppedFile),
} satisfies BridgePort)
