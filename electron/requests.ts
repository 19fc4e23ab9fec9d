import {
  app,
  dialog,
  ipcMain,
  type BrowserWindow,
  type IpcMainEvent,
  type IpcMainInvokeEvent,
  type OpenDialogOptions,
} from 'electron'
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  BRIDGE_CALLS,
  type BridgeArgument,
  type BridgeCall,
  type BridgePush,
  type BridgeResult,
  type BridgeValue,
  type PageMenu,
} from '../engine/protocol/bridge.ts'
import type { Channel, DataPart } from '../engine/protocol/wire.ts'
import { portChannel } from './host.ts'
import { IPC } from './ipc.ts'
import { isPage } from './page.ts'

const FILTERS: Record<string, { name: string; extensions: string[] }[]> = {
  // Braid opens a run that was saved with either extension.
  'application/json': [
    { name: 'JSON', extensions: ['json'] },
    { name: 'Braid run', extensions: ['braid'] },
  ],
  'text/markdown': [{ name: 'Markdown', extensions: ['md'] }],
  'text/html': [{ name: 'HTML', extensions: ['html'] }],
}
export interface Answers {
  window: () => BrowserWindow | undefined
  connect: (channel: Channel) => void
  /** Opens a web or mail address outside Braid. Throws for any other address. */
  openLink: (url: string) => Promise<void>
  /** Shows a part of the data folder in the system's file manager. */
  openFolder: (part: DataPart) => Promise<void>
  setMenu: (menu: PageMenu) => void
  /** Returns false if there is no keychain, so the token is not kept. */
  rememberToken: (token: string | null) => boolean
  /** The same for the key of a server. */
  rememberKey: (of: { server: string; key: string | null }) => boolean
  /** Called when the page listens and can be sent files to open. */
  ready: () => void
}

type Handlers = {
  [C in BridgeCall]: (
    window: BrowserWindow,
    argument: BridgeArgument<C>,
  ) => BridgeResult<C> | Promise<BridgeResult<C>>
}

/** Answers BRIDGE_CALLS, but only from the main frame of this window's page. */
export function answerRequests({
  window,
  connect,
  openLink,
  openFolder,
  setMenu,
  rememberToken,
  rememberKey,
  ready,
}: Answers): void {
  const handlers: Handlers = {
    pickFile: (own) =>
      pick(own, { properties: ['openFile'], filters: [{ name: 'GGUF', extensions: ['gguf'] }] }),
    pickFolder: (own) => pick(own, { properties: ['openDirectory'] }),
    saveFile,
    openExternal: (_own, url) => openLink(url),
    openFolder: (_own, part) => openFolder(part),
    rememberToken: (_own, token) => rememberToken(token),
    rememberKey: (_own, key) => rememberKey(key),
    setMenu: (_own, menu) => setMenu(menu),
    ready,
  }
  const owner = ({
    sender,
    senderFrame,
  }: IpcMainEvent | IpcMainInvokeEvent): BrowserWindow | undefined => {
    const own = window()
    return own?.webContents === sender && senderFrame?.parent === null && isPage(senderFrame.url)
      ? own
      : undefined
  }
  ipcMain.handle(IPC.call, async (event, name: unknown, argument: unknown) => {
    const own = owner(event)
    if (own === undefined) throw new Error('This page may not make this call.')
    if (typeof name !== 'string' || !Object.hasOwn(BRIDGE_CALLS, name))
      throw new Error('Unknown call.')
    const known = name as BridgeCall
    return handlers[known](own, BRIDGE_CALLS[known].argument.parse(argument) as never)
  })
  ipcMain.on(IPC.connect, (event) => {
    const [port] = event.ports
    if (port === undefined) return
    if (owner(event) === undefined) port.close()
    else connect(portChannel(port))
  })
}

/** Pushes a value to the page, if there is one. */
export function tellPage<P extends BridgePush>(
  window: BrowserWindow | undefined,
  name: P,
  value: BridgeValue<P>,
): void {
  window?.webContents.send(IPC.push, name, value)
}

async function pick(own: BrowserWindow, options: OpenDialogOptions): Promise<string | null> {
  return (await dialog.showOpenDialog(own, options)).filePaths[0] ?? null
}

async function saveFile(
  own: BrowserWindow,
  { name, mimeType, content }: BridgeArgument<'saveFile'>,
): Promise<boolean> {
  const { filePath } = await dialog.showSaveDialog(own, {
    defaultPath: join(app.getPath('downloads'), basename(name)),
    filters: FILTERS[mimeType.split(';')[0]!],
  })
  if (!filePath) return false
  try {
    await writeWhole(filePath, content)
    return true
  } catch (error) {
    await dialog.showMessageBox(own, {
      type: 'error',
      message: 'The file was not saved.',
      detail: (error as Error).message,
    })
    return false
  }
}

/** Writes a file so that the previous content stays until the new one is complete. */
async function writeWhole(path: string, content: string): Promise<void> {
  const part = `${path}.part`
  try {
    await writeFile(part, content, { flush: true })
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
