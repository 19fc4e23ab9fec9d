import { readFileSync, rmSync, writeFileSync, copyFileSync, mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { smolLM2 } from '../support/models.ts'
import { until } from '../support/test-client.ts'
import { compile, Shell, unavailable } from './support.ts'
import { ask, click, item, menu, view } from './window.ts'

/** The desktop integration: menus, dialogs, notifications, files, power and window state. */
describe.skipIf(unavailable !== null)(
  `a desktop program${unavailable === null ? '' : `: skipped, ${unavailable}`}`,
  { timeout: 150_000 },
  () => {
    let folder: string
    let shell: Shell
    let model: string
    let server: Server
    let requests: { method: string; url: string; headers: Record<string, unknown> }[] = []
    let release = { status: 200, body: '' }
    beforeAll(async () => {
      model = await smolLM2()
      server = createServer(({ method, url, headers }, response) => {
        requests.push({ method: method!, url: url!, headers })
        response
          .writeHead(release.status, { Location: '/elsewhere', 'Content-Type': 'application/json' })
          .end(release.body)
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      folder = await compile()
      shell = await new Shell(folder).start(['--model', model], {
        BRAID_RELEASES: `${origin()}latest`,
      })
      // Records what the system would show.
      await shell.app.evaluate(({ BrowserWindow, dialog, shell }) => {
        const noted = Object.assign(globalThis, {
          notes: [] as { title: string; body: string; click: () => void }[],
          progress: [] as number[],
          boxes: [] as { message: string; detail?: string }[],
          opened: [] as string[],
          answers: [] as number[],
        })
        class Notification {
          static isSupported = () => true
          #click = () => undefined
          constructor(readonly options: { title: string; body: string }) {}
          on(_event: 'click', listener: () => undefined) {
            this.#click = listener
          }
          show() {
            noted.notes.push({ ...this.options, click: this.#click })
          }
        }
        Object.assign(globalThis, { standIns: { Notification } })
        const [window] = BrowserWindow.getAllWindows()
        const set = window!.setProgressBar
        window!.setProgressBar = (value) => {
          noted.progress.push(value)
          set.call(window, value)
        }
        dialog.showMessageBox = (async (...given: unknown[]) => {
          noted.boxes.push(given.at(-1) as { message: string })
          return { response: noted.answers.shift() ?? 0, checkboxChecked: false }
        }) as typeof dialog.showMessageBox
        shell.openExternal = async (url) => void noted.opened.push(url)
      })
    }, 150_000)
    afterAll(async () => {
      await shell?.close()
      server?.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const noted = <T>(name: string): Promise<T> =>
      shell.app.evaluate(
        (_electron, name) =>
          JSON.parse(JSON.stringify((globalThis as unknown as Record<string, unknown>)[name])),
        name,
      ) as Promise<T>
    const answer = (...answers: number[]) =>
      shell.app.evaluate(
        (_electron, answers) =>
          void (globalThis as unknown as { answers: number[] }).answers.push(...answers),
        answers,
      )
    const focus = (focused: boolean) =>
      shell.app.evaluate(({ BrowserWindow }, focused) => {
        BrowserWindow.getAllWindows()[0]!.isFocused = () => focused
      }, focused)
    /** Starts a run of a problem and returns its id. */
    async function pose(budget: number): Promise<string> {
      const { page } = shell
      await click(shell, 'app.new')
      await page.getByLabel('Problem', { exact: true }).fill('What is 2 + 3?')
      await expect.poll(() => page.getByLabel('Paths', { exact: true }).isEnabled()).toBe(true)
      await page.getByLabel('Paths', { exact: true }).fill('2')
      const more = page.getByText('More settings')
      if (!(await page.getByLabel('Threads', { exact: true }).isVisible())) await more.click()
      await page.getByLabel('Tokens per path', { exact: true }).fill(String(budget))
      await page.getByLabel('Threads', { exact: true }).fill('1')
      await page.getByLabel('Tokens for the summary').fill('8')
      await page.getByRole('button', { name: 'Start', exact: true }).click()
      await page.waitForURL(/#\/run\//)
      return /#\/run\/([\w-]+)/.exec(page.url())![1]!
    }
    const runStatus = () => shell.page.locator('[data-run-status]').getAttribute('data-run-status')

    it('the menu bar is the catalogue of commands, each with its key and whether it can run', async () => {
      await expect
        .poll(() => item(shell, 'app.palette'))
        .toMatchObject({
          label: 'Commands',
          enabled: true,
          accelerator: 'CmdOrCtrl+K',
          menu: 'View',
        })
      expect(await item(shell, 'path.stop')).toMatchObject({
        menu: 'Path',
        enabled: false,
        accelerator: 'Alt+S',
      })
      expect(await item(shell, 'app.models')).toMatchObject({ enabled: true })
      await click(shell, 'app.models')
      await expect.poll(() => view(shell)).toBe('#/models')
      await expect.poll(async () => (await item(shell, 'app.models'))!.enabled).toBe(false)
      await click(shell, 'app.language')
      await expect.poll(async () => (await item(shell, 'app.models'))!.menu).toBe('视图')
      await click(shell, 'app.language')
      await expect.poll(async () => (await item(shell, 'app.models'))!.menu).toBe('View')
    })

    it('a menu that is none is refused, and changes nothing', async () => {
      const before = await menu(shell)
      for (const bad of [
        'null',
        '{}',
        '{ commands: [{ id: "x" }] }',
        '{ commands: Array(500).fill({ id: "a.b", title: "x", group: "app", shortcut: "", enabled: true }), names: {} }',
        '"x".repeat(10)',
      ]) {
        expect(
          await shell.page.evaluate(
            `braidShell.call('setMenu', ${bad}).then(() => 'taken', () => 'refused')`,
          ),
          bad,
        ).toBe('refused')
      }
      expect(await menu(shell)).toEqual(before)
    })

    it('a run shows in the taskbar, keeps the machine awake, and is told when it ends in the background', async () => {
      await focus(false)
      const run = await pose(40)
      await expect
        .poll(
          () =>
            noted<number[]>('progress').then((all) => all.some((value) => value > 0 && value <= 1)),
          { timeout: 60_000 },
        )
        .toBe(true)
      expect(
        await shell.app.evaluate(({ powerSaveBlocker }) =>
          [...Array(20).keys()].some((id) => powerSaveBlocker.isStarted(id)),
        ),
      ).toBe(true)
      await expect.poll(runStatus, { timeout: 100_000 }).toBe('ended')
      await expect.poll(() => noted<number[]>('progress').then((all) => all.at(-1))).toBe(-1)
      expect(
        await shell.app.evaluate(({ powerSaveBlocker }) =>
          [...Array(20).keys()].some((id) => powerSaveBlocker.isStarted(id)),
        ),
      ).toBe(false)
      // Loading the model, thinking and reading the paths are each told from 0 to 1.
      const values = (await noted<number[]>('progress')).filter((value) => value >= 0)
      expect(values.every((value) => value <= 1)).toBe(true)
      await expect.poll(() => noted<unknown[]>('notes')).toHaveLength(1)
      expect((await noted<{ title: string; body: string }[]>('notes'))[0]).toMatchObject({
        title: 'What is 2 + 3?',
        body: expect.stringMatching(/^(Answer: |Done, no answer found)/),
      })
      await click(shell, 'app.settings')
      await expect.poll(() => view(shell)).toBe('#/settings')
      await shell.app.evaluate(() =>
        (globalThis as unknown as { notes: { click(): void }[] }).notes[0]!.click(),
      )
      await expect.poll(() => view(shell)).toBe(`#/run/${run}`)
    })

    it("nothing is told of a run that ends before the user's eyes", async () => {
      await focus(true)
      await pose(4)
      await expect.poll(runStatus, { timeout: 100_000 }).toBe('ended')
      await shell.page.waitForTimeout(800)
      expect(await noted<unknown[]>('notes')).toHaveLength(1)
    })

    it('the engine is killed in mid-answer: the run is kept as interrupted, and a new one can be thought', async () => {
      await pose(2000)
      await expect
        .poll(() => shell.page.locator('[data-lane="p1"] .lane-count').textContent(), {
          timeout: 60_000,
        })
        .toMatch(/^[1-9]/)
      await killHost('SIGSEGV')
      await expect.poll(runStatus).toBe('interrupted')
      await expect.poll(() => noted<number[]>('progress').then((all) => all.at(-1))).toBe(-1)
      await shell.page.waitForSelector('[data-connection="open"]')
      await pose(4)
      await expect.poll(runStatus, { timeout: 100_000 }).toBe('ended')
    })

    it('files that are dropped anywhere are opened', async () => {
      const drop = (name: string, content: string) =>
        shell.page.evaluate(
          ([name, content]) => {
            const page = globalThis as unknown as {
              DataTransfer: new () => { items: { add(file: unknown): void } }
              DragEvent: new (type: string, init: object) => unknown
              document: { body: { dispatchEvent(event: unknown): void } }
            }
            const dataTransfer = new page.DataTransfer()
            dataTransfer.items.add(new File([content!], name!))
            page.document.body.dispatchEvent(
              new page.DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }),
            )
          },
          [name, content],
        )
      const exported = await exportedRun()
      await click(shell, 'app.settings')
      await drop('other.json', exported)
      await expect.poll(() => view(shell)).toMatch(/^#\/run\//)
      await expect.poll(runStatus).toBe('ended')
      await drop('rubbish.json', '{')
      await shell.page.getByText(/rubbish\.json/).waitFor()
    })

    it('a dropped GGUF is linked where it lies', async () => {
      const file = join(shell.data, 'dropped.gguf')
      copyFileSync(model, file)
      await click(shell, 'app.settings')
      // A file field is the browser's way to a file with a path; its file is then dropped.
      await shell.page.evaluate(() => {
        ;(
          globalThis as unknown as {
            document: { body: { insertAdjacentHTML(at: string, html: string): void } }
          }
        ).document.body.insertAdjacentHTML('beforeend', '<input id="given" type="file">')
      })
      await shell.page.locator('#given').setInputFiles(file)
      await shell.page.evaluate(() => {
        const page = globalThis as unknown as {
          DataTransfer: new () => { items: { add(file: unknown): void } }
          DragEvent: new (type: string, init: object) => unknown
          document: {
            querySelector(s: string): { files: unknown[]; remove(): void }
            body: { dispatchEvent(event: unknown): void }
          }
        }
        const dataTransfer = new page.DataTransfer()
        dataTransfer.items.add(page.document.querySelector('#given').files[0])
        page.document.querySelector('#given').remove()
        page.document.body.dispatchEvent(
          new page.DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }),
        )
      })
      await expect.poll(() => ask(shell, 'settings.get')).toMatchObject({ model: file })
      await expect.poll(() => view(shell)).toBe('#/')
    })

    it('a second start gives its files to the window', async () => {
      const file = join(shell.data, 'exported.braid')
      writeFileSync(file, await exportedRun())
      await click(shell, 'app.settings')
      expect(await shell.again([file])).toBe(0)
      await expect.poll(() => view(shell)).toMatch(/^#\/run\//)
      expect(await shell.again([join(shell.data, 'absent.gguf')])).toBe(0)
      await shell.page.getByText(/absent\.gguf cannot be opened/).waitFor()
      const other = join(shell.data, 'second.gguf')
      copyFileSync(model, other)
      expect(await shell.again(['--model', other])).toBe(0)
      await expect.poll(() => ask(shell, 'settings.get')).toMatchObject({ model: other })
    })

    it('Open… takes what the dialog gives', async () => {
      await shell.app.evaluate(({ dialog }, file) => {
        dialog.showOpenDialog = async () => ({ canceled: false, filePaths: [file] })
      }, model)
      await click(shell, 'shell.open')
      await expect.poll(() => ask(shell, 'settings.get')).toMatchObject({ model })
    })

    it('About names engine and licence', async () => {
      await click(shell, 'shell.about')
      const { llamaCpp } = JSON.parse(
        readFileSync(join(folder, 'build', 'native', 'backends.json'), 'utf8'),
      ) as { llamaCpp: { tag: string; bundleCommit: string } }
      await expect
        .poll(() =>
          noted<{ message: string; detail: string }[]>('boxes').then((boxes) => boxes.at(-1)),
        )
        .toMatchObject({
          message: expect.stringMatching(/^Braid \d/),
          detail: expect.stringContaining(
            `llama.cpp ${llamaCpp.tag} (${llamaCpp.bundleCommit.slice(0, 12)})`,
          ),
        })
    })

    it('asks nobody about releases until the user says so, then once and for one thing', async () => {
      expect(requests).toEqual([])
      await click(shell, 'shell.releases')
      await boxes(/Check for a new release\?/)
      expect(requests).toEqual([])
      release = {
        status: 200,
        body: JSON.stringify({
          tag_name: 'v99.0.0',
          html_url: `${origin()}tag/v99.0.0`,
          assets: [{ browser_download_url: `${origin()}big.AppImage` }],
        }),
      }
      await answer(1, 1)
      await click(shell, 'shell.releases')
      await boxes(/Braid 99\.0\.0 is available/)
      await expect.poll(() => noted<string[]>('opened')).toEqual([`${origin()}tag/v99.0.0`])
      expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /latest'])
      expect(requests[0]!.headers).toMatchObject({ 'user-agent': 'Braid' })
      expect(Object.keys(requests[0]!.headers)).not.toEqual(expect.arrayContaining(['cookie']))
      expect(await item(shell, 'shell.releases.daily')).toBeDefined()
    })

    it.each([
      [
        'the same version',
        200,
        () => ({ tag_name: 'v0.0.1', html_url: `${origin()}x` }),
        /latest release/,
      ],
      [
        'a page elsewhere',
        200,
        () => ({ tag_name: 'v99.0.0', html_url: 'https://evil.example/x' }),
        /could not check/,
      ],
      [
        'a page that is a program',
        200,
        () => ({ tag_name: 'v99.0.0', html_url: 'file:///bin/sh' }),
        /could not check/,
      ],
      ['a redirect', 302, () => ({}), /could not check/],
      ['rubbish', 200, () => '<html>', /could not check/],
      ['an error', 500, () => ({}), /could not check/],
    ])('an answer of the release list: %s', async (_name, status, body, message) => {
      release = { status, body: JSON.stringify(body()) }
      requests = []
      const opened = await noted<string[]>('opened')
      await answer(1)
      await click(shell, 'shell.releases')
      await boxes(message)
      expect(requests).toHaveLength(1)
      expect(await noted<string[]>('opened')).toEqual(opened)
    })

    it('a third death of the engine in five minutes stops the restarts, says so, and leaves the window', async () => {
      for (const signal of ['SIGKILL', 'SIGABRT'] as const) {
        await shell.page.waitForSelector('[data-connection="open"]')
        const before = await host()
        await killHost(signal)
        await until(
          async () =>
            ![undefined, before].includes(await host()) ||
            (await shell.page.getByText(/is not restarted automatically/).count()) > 0,
          'the next host or the end',
          30_000,
        )
      }
      await shell.page
        .getByText(/ended 3 times within a short time/)
        .first()
        .waitFor({ timeout: 60_000 })
      await shell.page.waitForTimeout(1000)
      expect(await host()).toBeUndefined()
      await shell.page.getByRole('button', { name: 'Restart engine' }).first().click()
      await shell.page.waitForSelector('[data-connection="open"]')
      await expect.poll(() => ask(shell, 'app.info')).toMatchObject({ dataFolder: shell.data })
    })

    it('the page is drawn again after its process died', async () => {
      await shell.app.evaluate(({ BrowserWindow }) =>
        BrowserWindow.getAllWindows()[0]!.webContents.forcefullyCrashRenderer(),
      )
      // Playwright abandons a crashed page, so the test asks the window, which does not answer while loading.
      const drawn = () =>
        shell.app.evaluate(({ BrowserWindow }) =>
          Promise.race([
            BrowserWindow.getAllWindows()[0]!.webContents.executeJavaScript(
              'document.querySelector(\'[data-connection="open"]\') !== null',
            ) as Promise<boolean>,
            new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500)),
          ]).catch(() => false),
        )
      await until(drawn, 'the page')
      await shell.quit()
      await shell.start()
    })

    it('the window opens as it was left: place, size and zoom', async () => {
      await shell.app.evaluate(({ BrowserWindow }) => {
        const [window] = BrowserWindow.getAllWindows()
        window!.setBounds({ x: 60, y: 50, width: 900, height: 640 })
        window!.webContents.setZoomLevel(2)
      })
      await shell.page.waitForTimeout(300)
      await shell.quit()
      await shell.start()
      const state = () =>
        shell.app.evaluate(({ BrowserWindow }) => {
          const [window] = BrowserWindow.getAllWindows()
          return { ...window!.getBounds(), zoom: window!.webContents.getZoomLevel() }
        })
      expect(await state()).toMatchObject({ width: 900, height: 640, zoom: 2 })
      await shell.quit()
      // The window is visible even if a screen is gone or the file is damaged.
      const file = join(shell.data, 'window', 'shell.json')
      for (const content of [
        JSON.stringify({ bounds: { x: 90_000, y: -90_000, width: 900, height: 640 } }),
        '{"bounds":',
        '[]',
        JSON.stringify({ bounds: { x: 0, y: 0, width: -5, height: 1e9 } }),
      ]) {
        mkdirSync(join(shell.data, 'window'), { recursive: true })
        writeFileSync(file, content)
        await shell.start()
        const { x, y, width, height } = await state()
        expect(
          x >= 0 && y >= 0 && x + width <= 1440 && y + height <= 900,
          `${content}: ${x},${y} ${width}x${height}`,
        ).toBe(true)
        await shell.quit()
      }
      await shell.start()
    }, 180_000)

    const host = () =>
      shell.app.evaluate(
        ({ app }) => app.getAppMetrics().find((process) => process.name === 'Braid engine')?.pid,
      )
    async function killHost(signal: NodeJS.Signals): Promise<void> {
      process.kill((await host())!, signal)
    }
    const boxes = (message: RegExp) =>
      expect
        .poll(() => noted<{ message: string }[]>('boxes').then((all) => all.at(-1)?.message ?? ''))
        .toMatch(message)
    async function exportedRun(): Promise<string> {
      const run = ((await ask(shell, 'runs.list')) as { run: string; status: string }[]).find(
        ({ status }) => status === 'ended',
      )!.run
      return (
        (await ask(shell, 'runs.export', { runs: [run], format: 'json' })) as { content: string }
      ).content
    }
  },
)
