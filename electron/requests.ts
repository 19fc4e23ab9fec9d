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
import { z } from 'zod'
import { METHODS, type Channel } from '../engine/protocol/wire.ts'
import { portChannel } from './host.ts'
import { PageMenu } from './menu.ts'
import { isPage } from './page.ts'

const FILTERS: Record<string, { name: string; extensions: string[] }[]> = {
  // A run opens in Braid by its name's ending, whichever of the two it is saved with.
  'application/json': [
    { name: 'JSON', extensions: ['json'] },
    { name: 'Braid run', extensions: ['braid'] },
  ],
  'text/markdown': [{ name: 'Markdown', extensions: ['md'] }],
  'text/html': [{ name: 'HTML', extensions: ['html'] }],
}
const SavedFile = z.object({
  name: z.string().min(1).max(255),
  mimeType: z.string(),
  content: z.string(),
})

export interface Answers {
  window: () => BrowserWindow | undefined
  connect: (channel: Channel) => void
  /** Opens a web or mail address outside; throws for another. */
  openLink: (url: unknown) => Promise<void>
  setMenu: (menu: PageMenu) => void
  /** false: there is no keychain, so nothing is kept. */
  rememberToken: (token: string | null) => boolean
  /** The page listens: it can be told what to open. */
  ready: () => void
}

/** Answers what the preload asks for, to the main frame of this window's page alone. */
export function answerRequests({
  window,
  connect,
  openLink,
  setMenu,
  rememberToken,
  ready,
}: Answers): void {
  const owner = ({
    sender,
    senderFrame,
  }: IpcMainEvent | IpcMainInvokeEvent): BrowserWindow | undefined => {
    const own = window()
    return own?.webContents === sender && senderFrame?.parent === null && isPage(senderFrame.url)
      ? own
      : undefined
  }
  const handle = <T>(
    name: string,
    answer: (window: BrowserWindow, argument: unknown) => Promise<T>,
  ) =>
    ipcMain.handle(name, (event, argument: unknown) => {
      const own = owner(event)
      if (own === undefined) throw new Error('This page may not ask for that.')
      return answer(own, argument)
    })

  ipcMain.on('braid:connect', (event) => {
    const [port] = event.ports
    if (port === undefined) return
    if (owner(event) === undefined) port.close()
    else connect(portChannel(port))
  })
  const pick = async (own: BrowserWindow, options: OpenDialogOptions) =>
    (await dialog.showOpenDialog(own, options)).filePaths[0] ?? null
  handle('braid:pickFile', (own) =>
    pick(own, { properties: ['openFile'], filters: [{ name: 'GGUF', extensions: ['gguf'] }] }),
  )
  handle('braid:pickFolder', (own) => pick(own, { properties: ['openDirectory'] }))
  handle('braid:rememberToken', async (_own, argument) =>
    rememberToken(METHODS['hub.token'].params.shape.token.parse(argument)),
  )
  handle('braid:saveFile', async (own, argument) => {
    const { name, mimeType, content } = SavedFile.parse(argument)
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
  })
  handle('braid:openExternal', async (_own, argument) => openLink(argument))
  handle('braid:setMenu', async (_own, argument) => setMenu(PageMenu.parse(argument)))
  handle('braid:ready', async () => ready())
}

/** What was there before stays until the new file is whole. */
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
