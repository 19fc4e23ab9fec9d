import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { configuration } from '../../scripts/package/config.ts'
import { packageApp } from '../../scripts/package/pack.ts'
import { stage } from '../../scripts/package/stage.ts'
import { ELECTRON22 } from '../electron/electron22.ts'
import { compileFor22, found, unavailable as noShell } from '../electron/support.ts'

/** Programs that electron-builder would fetch, taken from the system: Debian's p7zip-full, squashfs-tools and desktop-file-utils. */
const NEEDED = [
  '/usr/bin/7za',
  '/usr/bin/mksquashfs',
  '/usr/bin/desktop-file-validate',
  '/usr/bin/dpkg-deb',
]
const absent = NEEDED.filter((file) => !existsSync(file))

/** The reason why nothing can be packaged here, or null. */
export const unavailable: string | null =
  noShell ?? (absent.length > 0 ? `${absent.join(', ')} not here` : null)

export interface Packaged {
  /** The app's folder. */
  unpacked: string
  /** By extension: AppImage, deb, gz. */
  artefacts: Record<string, string>
}

/**
 * Packages into `folder` as `npm run package` does, with Electron 22 in place of the current one: the programs are compiled for its
 * Node, and a first file supplies what it lacks. Compresses lightly unless BRAID_PACKAGE_FULL is set. `dir`: only the app's folder.
 */
export async function packageFor22(folder: string, dir = false): Promise<Packaged> {
  const { dist, appImageTools } = found!
  const staged = await stage(join(folder, 'stage'), { compile: compileFor22 })
  for (const [name, as] of [
    ['old-electron.cjs', 'index.js'],
    ['old-host.cjs', 'host.cjs'],
  ] as const)
    copyFileSync(join(import.meta.dirname, '..', 'electron', name), join(staged.app, as))
  const file = join(staged.app, 'package.json')
  writeFileSync(
    file,
    JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), main: 'index.js' }),
  )
  // A copy, since packaging changes the files.
  const electronDist = join(folder, 'electron')
  mkdirSync(electronDist)
  cpSync(dist, electronDist, { recursive: true })

  const config = configuration(staged, ELECTRON22)
  // Electron 22 has no such fuse yet.
  const { grantFileProtocolExtraPrivileges: _, ...electronFuses } = config.electronFuses!
  const tools = join(folder, 'appimage-tools')
  cpSync(appImageTools, tools, { recursive: true, verbatimSymlinks: true })
  if (process.env.BRAID_PACKAGE_FULL === undefined) {
    const squash = join(tools, 'linux-x64', 'mksquashfs')
    rmSync(squash)
    writeFileSync(
      squash,
      '#!/bin/sh\nexec /usr/bin/mksquashfs "$@" -comp gzip -Xcompression-level 1\n',
      { mode: 0o755 },
    )
  }
  Object.assign(process.env, {
    ELECTRON_BUILDER_7ZIP_PATH: '/usr/bin/7za',
    APPIMAGE_TOOLS_PATH: tools,
    CUSTOM_FPM_PATH: join(import.meta.dirname, 'fpm.mjs'),
    BRAID_PACKAGE_TMP: folder,
    ...(process.env.BRAID_PACKAGE_FULL === undefined
      ? {
          ELECTRON_BUILDER_COMPRESSION_LEVEL: '1',
          BRAID_DEB_COMPRESSION: 'gzip',
          BRAID_DEB_LEVEL: '1',
        }
      : {}),
  })
  const output = join(folder, 'out')
  const files = await packageApp(
    { ...config, electronDist, electronFuses, directories: { ...config.directories, output } },
    { dir },
  )
  return {
    unpacked: join(output, 'linux-unpacked'),
    artefacts: Object.fromEntries(files.map((one) => [one.split('.').at(-1)!, one])),
  }
}
