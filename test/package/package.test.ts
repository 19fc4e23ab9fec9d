import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import { extractFile, listPackage } from '@electron/asar'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FUSES } from '../../scripts/package/config.ts'
import { Display, QUIET } from '../electron/support.ts'
import { smolLM2 } from '../support/models.ts'
import { until } from '../support/test-client.ts'
import { DebuggedPage } from './debugged-page.ts'
import { packageFor22, unavailable, type Packaged } from './support.ts'

/** Builds and starts the installers of `npm run package`; support.ts says what is different here. */
const isRoot = process.getuid?.() === 0
/** An ordinary user, by number, since the user needs no account. */
const USER = 21_987

describe.skipIf(unavailable !== null)(
  `installers${unavailable === null ? '' : `: skipped, ${unavailable}`}`,
  { timeout: 300_000 },
  () => {
    const display = new Display()
    let folder: string
    let packaged: Packaged
    let model: string
    let screen: string

    beforeAll(async () => {
      folder = mkdtempSync(join(process.env.BRAID_PACKAGE_TMP ?? tmpdir(), 'braid-package-'))
      chmodSync(folder, 0o755)
      // Readable by the other user, wherever the cache is.
      model = join(folder, 'model.gguf')
      cpSync(await smolLM2(), model)
      chmodSync(model, 0o644)
      screen = await display.open()
      packaged = await packageFor22(folder)
      const size = (path: string): number =>
        statSync(path).isDirectory()
          ? readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 0)
          : statSync(path).size
      for (const file of [packaged.unpacked, ...Object.values(packaged.artefacts)])
        console.log(`${basename(file)}: ${(size(file) / 1e6).toFixed(1)} MB`)
    }, 900_000)
    afterAll(() => {
      if (installed())
        execFileSync('dpkg', ['--purge', '--force-all', 'braid'], { stdio: 'ignore' })
      display.close()
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    })
    const installed = () => existsSync('/opt/Braid/braid-desktop')

    it('fuses, read back from the binary', async () => {
      const wire = await getCurrentFuseWire(join(packaged.unpacked, 'braid-desktop'))
      const read = Object.fromEntries(
        Object.entries(FuseV1Options)
          .filter(([, at]) => typeof at === 'number' && at in wire)
          .map(([name, at]) => [
            name,
            (wire as unknown as Record<number, FuseState>)[at as number] === FuseState.ENABLE,
          ]),
      )
      console.log(`fuses: ${JSON.stringify(read)}`)
      const { grantFileProtocolExtraPrivileges: _, ...wanted } = FUSES
      expect(read).toEqual(
        Object.fromEntries(
          Object.entries(wanted).map(([name, value]) => [
            name[0]!.toUpperCase() + name.slice(1),
            value,
          ]),
        ),
      )
      expect(Object.keys(read)).toHaveLength(7)
    })

    it('the fuses hold: the program is not a Node, and accepts neither its options nor a debugger', () => {
      const program = join(packaged.unpacked, 'braid-desktop')
      // Without a display it ends by itself, unless it is a Node.
      const run = (args: string[], env: Record<string, string>) =>
        spawnSync(program, args, {
          env: { PATH: process.env.PATH!, HOME: folder, BRAID_DATA: join(folder, 'fuse'), ...env },
          timeout: 60_000,
          encoding: 'utf8',
        })
      expect(
        run(['-e', 'console.log("I am Node")'], { ELECTRON_RUN_AS_NODE: '1' }).stdout,
      ).not.toContain('I am Node')
      expect(run(['--inspect=0', '--no-sandbox'], {}).stderr).not.toContain('Debugger listening')
      expect(
        run(['--no-sandbox'], { NODE_OPTIONS: '--require=/nonexistent/file.js' }).stderr,
      ).not.toContain('nonexistent')
    })

    it('the archive holds shell and page; native code, models and Node lie beside it, and only for this system', () => {
      const resources = join(packaged.unpacked, 'resources')
      const inside = listPackage(join(resources, 'app.asar'), { isPack: false })
      expect(inside).toEqual(
        expect.arrayContaining([
          '/package.json',
          '/dist/electron/main.cjs',
          '/dist/electron/preload.cjs',
          '/dist/renderer/index.html',
        ]),
      )
      expect(
        inside.filter((name) => /node_modules|\.(node|so|dll|dylib|gguf|map)$/.test(name)),
      ).toEqual([])
      expect(
        JSON.parse(extractFile(join(resources, 'app.asar'), 'package.json').toString()),
      ).toMatchObject({ name: 'braid', version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
      const beside = readdirSync(join(resources, 'braid'), { recursive: true, encoding: 'utf8' })
      for (const file of [
        'bin/node',
        'bin/braid',
        'dist/engine/cli/main.js',
        'dist/engine/host/host-main.js',
        ...[
          'main.mjs',
          'driver.js',
          'python.wasm',
          'python.image',
          'quickjs.wasm',
          'LICENCES.txt',
        ].map((name) => `dist/engine/sandbox/${name}`),
        'build/native/braid.node',
        'build/native/backends.json',
        'models/manifest.json',
        'patches/pin.json',
        'LICENSE',
        'LICENCES.txt',
        'dist/engine/node_modules/@huggingface/jinja/package.json',
      ])
        expect(beside).toContain(file)
      expect(beside.filter((name) => /\.(dll|dylib|exe|map)$|cuda/i.test(name))).toEqual([])
      const { models } = JSON.parse(
        readFileSync(join(resources, 'braid', 'models', 'manifest.json'), 'utf8'),
      ) as { models: { file?: string }[] }
      for (const { file } of models)
        if (file !== undefined) expect(beside).toContain(`models/${file}`)
      const texts = readFileSync(join(resources, 'braid', 'LICENCES.txt'), 'utf8')
      for (const name of ['Braid', 'llama.cpp', 'react ', 'zod ', 'katex ', 'ws '])
        expect(texts).toContain(`\n${name}`.slice(name === 'Braid' ? 1 : 0))
      for (const file of ['LICENSE.electron.txt', 'LICENSES.chromium.html'])
        expect(readdirSync(packaged.unpacked)).toContain(file)
    })

    it.each([
      ['root', 0],
      ['an ordinary user', USER],
    ])('its command line runs programs in the sandbox, as %s', (_who, uid) => {
      if (!isRoot && uid !== process.getuid?.()) return
      const data = home('agree', uid)
      const attempts = ['sum(xs)', 'max(xs)'].map(
        (body) => `\`\`\`python\ndef total(xs):\n    return ${body}\n\`\`\``,
      )
      const line = { question: 'Write total(xs).', attempts, probe: 'total([2])\ntotal([1, 2])' }
      const { stdout, stderr, status } = spawnSync(
        join(packaged.unpacked, 'resources', 'braid', 'bin', 'braid'),
        ['agree', '-'],
        {
          env: { PATH: process.env.PATH!, HOME: data, BRAID_DATA: data },
          ...(isRoot ? { uid, gid: uid } : {}),
          cwd: '/',
          input: JSON.stringify(line),
          encoding: 'utf8',
          timeout: 120_000,
        },
      )
      rmSync(data, { recursive: true })
      expect(status, stderr).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({
        function: 'total',
        programs: [
          { agreement: 1, ran: 2, abstained: null },
          { agreement: 1, ran: 2, abstained: null },
        ],
      })
    })

    it.each([
      ['root', 0],
      ['an ordinary user', USER],
    ])('the unpacked app starts and solves a problem, as %s', async (_who, uid) =>
      solve([join(packaged.unpacked, 'braid-desktop')], uid),
    )

    it.each([
      ['root', 0],
      ['an ordinary user', USER],
    ])('the AppImage starts and solves a problem, as %s', async (_who, uid) =>
      solve([packaged.artefacts.AppImage!, '--appimage-extract-and-run'], uid),
    )

    it('the archive unpacks to the same program', () => {
      const to = join(folder, 'tar')
      mkdirSync(to)
      execFileSync('tar', ['xzf', packaged.artefacts.gz!, '-C', to])
      const [name] = readdirSync(to)
      expect(statSync(join(to, name!, 'braid-desktop')).size).toBe(
        statSync(join(packaged.unpacked, 'braid-desktop')).size,
      )
      rmSync(to, { recursive: true })
    })

    describe.skipIf(!isRoot || existsSync('/opt/Braid'))(
      `the deb${isRoot ? '' : ': skipped, installing needs root'}`,
      () => {
        it('installs', () => {
          execFileSync('dpkg', ['--install', '--force-depends', packaged.artefacts.deb!], {
            stdio: 'pipe',
          })
          expect(installed()).toBe(true)
          execFileSync('desktop-file-validate', ['/usr/share/applications/braid-desktop.desktop'])
          const entry = readFileSync('/usr/share/applications/braid-desktop.desktop', 'utf8')
          expect(entry).toMatch(/^Exec=.*braid-desktop.* %[UF]$/m)
          expect(entry).toMatch(/^MimeType=.*application\/x-gguf;.*application\/x-braid-run;/m)
          expect(readFileSync('/usr/share/mime/packages/braid-desktop.xml', 'utf8')).toMatch(
            /\*\.gguf[^]*\*\.braid/,
          )
          expect(existsSync('/usr/share/icons/hicolor/256x256/apps/braid-desktop.png')).toBe(true)
        })

        it.each([
          ['root', 0],
          ['an ordinary user', USER],
        ])('starts and solves a problem, as %s', async (_who, uid) =>
          solve(['/usr/bin/braid-desktop'], uid),
        )

        it('`braid` is on the PATH, and solves a problem without a display', () => {
          const data = home('cli', USER)
          const braid = (args: string[], input = '') =>
            spawnSync('braid', args, {
              env: { PATH: process.env.PATH!, HOME: data, BRAID_DATA: data },
              uid: USER,
              gid: USER,
              cwd: '/',
              input,
              encoding: 'utf8',
              timeout: 120_000,
            })
          expect(braid(['--version']).stdout).toBe(
            `${(JSON.parse(readFileSync('/opt/Braid/resources/braid/package.json', 'utf8')) as { version: string }).version}\n`,
          )
          const { stdout, stderr, status } = braid(
            [
              'solve',
              '-',
              '--model',
              model,
              '--paths',
              '2',
              '--budget',
              '8',
              '--summary-budget',
              '6',
              '--threads',
              '1',
              '--json',
            ],
            'What is 2 + 3?',
          )
          expect(status, stderr).toBe(0)
          expect(
            stdout
              .trim()
              .split('\n')
              .map((line) => (JSON.parse(line) as { type: string }).type),
          ).toEqual(expect.arrayContaining(['run-started', 'tokens', 'run-ended']))
          expect(braid(['devices']).stdout).toMatch(/cpu/i)
          expect(braid(['nonsense']).status).toBe(2)
        })

        it('is removed without a trace', () => {
          execFileSync('dpkg', ['--purge', 'braid'], { stdio: 'pipe' })
          expect([
            existsSync('/opt/Braid'),
            existsSync('/usr/bin/braid'),
            existsSync('/usr/bin/braid-desktop'),
          ]).toEqual([false, false, false])
        })
      },
    )

    /** Makes a folder that belongs to a user. */
    function home(name: string, uid: number): string {
      const data = mkdtempSync(join(tmpdir(), `braid-${name}-`))
      if (isRoot) chownSync(data, uid, uid)
      return data
    }

    /** Starts the app, poses a problem in its window and waits for the end. The debugger is Chromium's: Node's is off. */
    async function solve([program, ...args]: string[], uid: number): Promise<void> {
      if (!isRoot && uid !== process.getuid?.()) return
      const data = home('app', uid)
      const app = spawn(
        program!,
        [
          ...args,
          ...(uid === 0 ? ['--no-sandbox'] : []),
          '--disable-gpu',
          '--password-store=basic',
          '--remote-debugging-port=0',
          '--model',
          model,
        ],
        {
          env: {
            ...QUIET,
            PATH: process.env.PATH!,
            DISPLAY: screen,
            HOME: data,
            BRAID_DATA: join(data, 'braid'),
            TMPDIR: data,
          },
          ...(isRoot ? { uid, gid: uid } : {}),
          cwd: '/',
          stdio: ['ignore', 'pipe', 'pipe'],
          detached: true,
        },
      )
      try {
        const page = await DebuggedPage.of(app)
        await until(
          () =>
            page
              .evaluate('document.querySelector(\'[data-connection="open"]\') !== null')
              .catch(() => false) as Promise<boolean>,
          'the engine',
          60_000,
        )
        const run = await page.evaluate(`(async () => {
        const channel = await braidShell.connect()
        const answer = await new Promise((resolve) => {
          channel.onMessage((message) => message.id === 1 && resolve(message))
          channel.send({ id: 1, method: 'run.start', params: { request: { problem: 'What is 2 + 3?', model: ${JSON.stringify(model)}, settings: { paths: 2, budget: 12, summaryBudget: 6, engine: { threads: 1 } } } } })
        })
        location.hash = '#/run/' + answer.result.run
        return answer.result.run
      })()`)
        expect(run).toMatch(/^\d{8}-/)
        await until(
          async () =>
            (await page.evaluate(
              'document.querySelector("[data-run-status]")?.dataset.runStatus',
            )) === 'ended',
          'the end of the run',
          120_000,
        )
        await until(
          async () =>
            /[1-9]\d* tokens?/.test(
              String(
                await page.evaluate(
                  'document.querySelector(".answer-stage .summary-meta")?.textContent',
                ),
              ),
            ),
          'the answer',
          10_000,
        )
        expect(await page.evaluate('document.body.innerText')).not.toContain(
          'The problem is sent as plain text',
        )
        if (process.env.BRAID_SHOTS)
          writeFileSync(
            join(process.env.BRAID_SHOTS, `package-${basename(program!)}-${uid}.png`),
            await page.screenshot(),
          )
        page.close()
      } finally {
        if (app.exitCode === null) {
          const gone = new Promise((resolve) => app.once('exit', resolve))
          process.kill(-app.pid!, 'SIGTERM')
          await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 10_000))])
          try {
            process.kill(-app.pid!, 'SIGKILL')
          } catch {
            // Everything is gone.
          }
        }
        rmSync(data, { recursive: true, force: true })
      }
    }
  },
)
