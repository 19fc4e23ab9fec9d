import { contextBridge, ipcRenderer, webUtils } from 'electron'

/** `window.braidShell`: all that the page sees of the shell. Each call is checked again in the main process. */

/** The browser's port, of which this file needs no more. */
interface Port {
  postMessage(message: unknown): void
  close(): void
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: (() => void) | null
}
declare const MessageChannel: new () => { port1: Port; port2: Port }
type DroppedFile = Parameters<typeof webUtils.getPathForFile>[0]

/** A port cannot cross into the page's world; functions can. */
function connect() {
  const { port1, port2 } = new MessageChannel()
  ipcRenderer.postMessage('braid:connect', null, [port2 as never])
  return Promise.resolve({
    send: (message: unknown) => port1.postMessage(message),
    onMessage: (listener: (message: unknown) => void) =>
      void (port1.onmessage = ({ data }) => listener(data)),
    onClose: (listener: () => void) => void (port1.onclose = () => listener()),
    close: () => port1.close(),
  })
}

/** One listener: the page has one for each. */
const listen = (channel: string, listener: (value: unknown) => void): void => {
  ipcRenderer.removeAllListeners(channel)
  ipcRenderer.on(channel, (_event, value: unknown) => listener(value))
}

contextBridge.exposeInMainWorld('braidShell', {
  connect,
  pickFile: () => ipcRenderer.invoke('braid:pickFile') as Promise<string | null>,
  pickFolder: () => ipcRenderer.invoke('braid:pickFolder') as Promise<string | null>,
  rememberToken: (token: unknown) =>
    ipcRenderer.invoke('braid:rememberToken', token) as Promise<boolean>,
  saveFile: (file: unknown) => ipcRenderer.invoke('braid:saveFile', file) as Promise<boolean>,
  pathForFile: (file: DroppedFile) => webUtils.getPathForFile(file),
  openExternal: (url: unknown) => ipcRenderer.invoke('braid:openExternal', url) as Promise<void>,
  setMenu: (menu: unknown) => ipcRenderer.invoke('braid:setMenu', menu) as Promise<void>,
  onCommand: (listener: (id: unknown) => void) => listen('braid:command', listener),
  /** Files that the user opens by the system. Asking for them says that the page is ready. */
  onFile: (listener: (file: unknown) => void) => {
    listen('braid:file', listener)
    void ipcRenderer.invoke('braid:ready')
  },
  onShow: (listener: (run: unknown) => void) => listen('braid:show', listener),
})
