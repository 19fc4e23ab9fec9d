import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isPage } from '../../electron/page.ts'
import { compile, Shell, unavailable } from './support.ts'

/** Sends a request to the host over a separate connection in the page. */
async function ask(shell: Shell, method: string): Promise<unknown> {
  return shell.page.evaluate(async (method) => {
    const page = globalThis as unknown as {
      braidShell: {
        connect(): Promise<{
          send(m: unknown): void
          onMessage(l: (m: { id?: number }) => void): void
          close(): void
        }>
      }
    }
    const channel = await page.braidShell.connect()
    const answer = await new Promise((resolve) => {
      channel.onMessage((message) => message.id === 7 && resolve(message))
      channel.send({ id: 7, method, params: {} })
    })
    channel.close()
    return answer
  }, method)
}

/** Runs `source` in the page and returns its result, or the text of its error. */
const inPage = (shell: Shell, source: string): Promise<unknown> =>
  shell.page.evaluate(`(async () => (${source}))().catch((error) => String(error))`)

it.each([
  ['braid://app/', true],
  ['braid://app', true],
  ['braid://app.example.com/', false],
  ['braid://application/', false],
  ['https://app/', false],
  [undefined, false],
])('%s is the page: %s', (address, is) => expect(isPage(address)).toBe(is))

describe.skipIf(unavailable !== null)(
  `the desktop shell${unavailable === null ? '' : `: skipped, ${unavailable}`}`,
  () => {
    let shell: Shell
    let folder: string
    beforeAll(async () => {
      folder = await compile()
      shell = await new Shell(folder).start()
    }, 120_000)
    afterAll(async () => {
      await shell?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    it('the host answers, and runs the native engine', async () => {
      expect(await ask(shell, 'app.info')).toMatchObject({
        kind: 'result',
        result: { version: expect.stringMatching(/^\d+\.\d+\.\d+$/), dataFolder: shell.data },
      })
      expect(await ask(shell, 'devices.list')).toMatchObject({
        kind: 'result',
        result: expect.arrayContaining([expect.objectContaining({ type: 'cpu' })]),
      })
    })

    it('the page has no Node, and its window is set as it should be', async () => {
      expect(
        await inPage(
          shell,
          '[typeof require, typeof process, location.href, Object.keys(braidShell).sort().join()]',
        ),
      ).toEqual(['undefined', 'undefined', 'braid://app/', 'call,connect,listen,pathForFile'])
      const preferences = await shell.app.evaluate(({ BrowserWindow }) =>
        (
          BrowserWindow.getAllWindows()[0]!.webContents as unknown as {
            getLastWebPreferences(): object
          }
        ).getLastWebPreferences(),
      )
      expect(preferences).toMatchObject({
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webviewTag: false,
        webSecurity: true,
      })
    })

    it.each([
      '/../package.json',
      '/%2e%2e/%2e%2e/package.json',
      '/..%2f..%2fpackage.json',
      '/..%5cpackage.json',
      '//etc/passwd',
      '/assets',
      '/assets/../../electron/main.cjs',
    ])('serves no file for %s', async (path) => {
      expect(
        await inPage(shell, `fetch(${JSON.stringify(`braid://app${path}`)}).then((r) => r.status)`),
      ).toBe(404)
    })

    it('serves the page with its policy', async () => {
      const [status, policy] = (await inPage(
        shell,
        `fetch('/').then((r) => [r.status, r.headers.get('Content-Security-Policy')])`,
      )) as [number, string]
      expect(status).toBe(200)
      expect(policy).toContain(`default-src 'none'; script-src 'self'`)
      expect(await inPage(shell, `fetch('https://example.com/')`)).toMatch(/TypeError/)
    })

    it('denies permissions, but lets text be copied', async () => {
      expect(await inPage(shell, `navigator.mediaDevices.getUserMedia({ audio: true })`)).toMatch(
        /NotAllowedError|NotFoundError/,
      )
      expect(await inPage(shell, `Notification.requestPermission()`)).toBe('denied')
      expect(await inPage(shell, `navigator.clipboard.readText()`)).toMatch(/NotAllowedError/)
      await shell.page.bringToFront()
      expect(await inPage(shell, `navigator.clipboard.writeText('copied')`)).toBeUndefined()
    })

    it('opens web and mail addresses only', async () => {
      await shell.app.evaluate(({ shell }) => {
        shell.openExternal = async (url) =>
          void ((globalThis as { opened?: string[] }).opened ??= []).push(url)
      })
      for (const address of [
        'file:///etc/passwd',
        'javascript:alert(1)',
        'https://user:word@example.com/',
        'smb://host/x',
        '',
      ]) {
        expect(
          await inPage(shell, `braidShell.call('openExternal', ${JSON.stringify(address)})`),
          address,
        ).toMatch(/Only web and mail addresses/)
      }
      await inPage(shell, `braidShell.call('openExternal', 'https://example.com/a')`)
      expect(await shell.app.evaluate(() => (globalThis as { opened?: string[] }).opened)).toEqual([
        'https://example.com/a',
      ])
    })

    it('saves a file where the dialog says, and nowhere when it is cancelled', async () => {
      const answer = (filePath: string) =>
        shell.app.evaluate(({ dialog }, filePath) => {
          dialog.showSaveDialog = async (_window: unknown, options?: { defaultPath?: string }) => {
            Object.assign(globalThis, { proposed: options?.defaultPath })
            return { canceled: filePath === '', filePath }
          }
        }, filePath)
      const save = () =>
        inPage(
          shell,
          `braidShell.call('saveFile', { name: '../../run.md', mimeType: 'text/markdown', content: 'né' })`,
        )
      await answer(join(shell.data, 'saved.md'))
      expect(await save()).toBe(true)
      expect(readFileSync(join(shell.data, 'saved.md'), 'utf8')).toBe('né')
      expect(
        await shell.app.evaluate(() => (globalThis as { proposed?: string }).proposed),
      ).toMatch(/[^.]\/run\.md$/)
      await answer('')
      expect(await save()).toBe(false)
      expect(readdirSync(shell.data).filter((name) => name.includes('.part'))).toEqual([])
    })

    it('answers the page in its window, and no other page with the same preload', async () => {
      const ask = (url: string, own: boolean) =>
        shell.app.evaluate(
          async ({ app, BrowserWindow, dialog }, { url, own, preload }) => {
            dialog.showOpenDialog = async () => ({ canceled: false, filePaths: ['/picked.gguf'] })
            app.removeAllListeners('window-all-closed')
            const window = own
              ? BrowserWindow.getAllWindows()[0]!
              : new BrowserWindow({ show: false, webPreferences: { preload, sandbox: true } })
            if (window.webContents.getURL() !== url) await window.loadURL(url)
            const answer = await (window.webContents.executeJavaScript(
              `braidShell.call('pickFile').catch(String)`,
            ) as Promise<unknown>)
            if (!own) window.destroy()
            return answer
          },
          { url, own, preload: shell.preload },
        )
      expect(await ask('braid://app/', true)).toBe('/picked.gguf')
      expect(await inPage(shell, `braidShell.call('pickFolder')`)).toBe('/picked.gguf')
      expect(await ask('braid://app/', false)).toMatch(/may not make this call/)
      expect(await ask('data:text/html,foreign', true)).toMatch(/may not make this call/)
      expect(await ask('braid://other/', true)).toMatch(/may not make this call/)
      expect(await ask('braid://app/', true)).toBe('/picked.gguf')
      await shell.page.waitForSelector('[data-connection="open"]')
    })

    it('the host is killed, and the window connects to the next one', async () => {
      const host = await shell.app.evaluate(
        ({ app }) => app.getAppMetrics().find((process) => process.name === 'Braid engine')!.pid,
      )
      const lost = shell.page.waitForSelector('[data-connection]:not([data-connection="open"])')
      process.kill(host, 'SIGKILL')
      await lost
      await shell.page.waitForSelector('[data-connection="open"]')
      expect(await ask(shell, 'app.info')).toMatchObject({ kind: 'result' })
    })

    it('keeps the hub token where the keychain can, and gives it to the next engine', async () => {
      const remember = (token: string | null) =>
        inPage(shell, `braidShell.call('rememberToken', ${JSON.stringify(token)})`)
      const keychain = (there: boolean) =>
        shell.app.evaluate(({ safeStorage }, there) => {
          const flip = (bytes: Buffer) => bytes.map((byte) => byte ^ 0x5a) as Buffer
          safeStorage.isEncryptionAvailable = () => there
          safeStorage.getSelectedStorageBackend = () => (there ? 'gnome_libsecret' : 'basic_text')
          safeStorage.encryptString = (text) => flip(Buffer.from(text))
          safeStorage.decryptString = (bytes) => flip(bytes).toString()
        }, there)
      const host = () =>
        shell.app.evaluate(
          ({ app }) => app.getAppMetrics().find((process) => process.name === 'Braid engine')!.pid,
        )
      const next = async () => {
        const lost = shell.page.waitForSelector('[data-connection]:not([data-connection="open"])')
        process.kill(await host(), 'SIGKILL')
        await lost
        await shell.page.waitForSelector('[data-connection="open"]')
        return shell.app.evaluate(() => (globalThis as { token?: string }).token)
      }
      // Electron does not show the environment of a process, so the test checks the one passed at its start.
      await shell.app.evaluate(({ utilityProcess }) => {
        const fork = utilityProcess.fork
        utilityProcess.fork = (file, args, options) => {
          Object.assign(globalThis, { token: (options?.env as { HF_TOKEN?: string }).HF_TOKEN })
          return fork(file, args, options)
        }
      })
      const file = join(shell.data, 'window', 'hub-token')
      await keychain(false)
      expect(await remember('hf_secret')).toBe(false)
      expect(existsSync(file)).toBe(false)
      await keychain(true)
      expect(await remember('hf_secret')).toBe(true)
      expect(readFileSync(file, 'utf8')).not.toContain('secret')
      expect(await next()).toBe('hf_secret')
      expect(await remember(null)).toBe(false)
      expect(existsSync(file)).toBe(false)
      expect(await remember('')).toMatch(/too_small|Too small/i)
    })

    it('a second start ends by itself and leaves the window to the first', async () => {
      expect(await shell.again()).toBe(0)
      expect(shell.app.windows()).toHaveLength(1)
    })

    it('refuses to be led away', async () => {
      expect(await inPage(shell, `window.open('https://example.com/')`)).toBeNull()
      expect(await inPage(shell, `window.open('braid://app/')`)).toBeNull()
      for (const address of [
        'https://example.com/',
        'file:///etc/passwd',
        'braid://other/',
        'data:text/html,x',
      ]) {
        await inPage(shell, `void (location.href = ${JSON.stringify(address)})`)
        await shell.page.waitForTimeout(300)
        expect(
          await shell.app.evaluate(({ BrowserWindow }) =>
            BrowserWindow.getAllWindows().map((window) => window.webContents.getURL()),
          ),
        ).toEqual(['braid://app/'])
      }
    })
  },
)
