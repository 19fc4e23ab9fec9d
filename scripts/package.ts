/**
 * `npm run package [-- --dir] [TARGET ...]`: builds installers for this system in release/, with the engine, its native libraries, the bundled
 * model and the command line inside. TARGET: AppImage, deb, tar.gz; nsis, zip; dmg. `--dir`: only the app's folder.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from './renderer.ts'
import { configuration } from './package/config.ts'
import { packageApp } from './package/pack.ts'
import { stage } from './package/stage.ts'

const args = process.argv.slice(2)
try {
  const { version } = createRequire(import.meta.url)('electron/package.json') as { version: string }
  const staged = await stage(join(root, 'release', 'stage'))
  await packageApp(configuration(staged, version), {
    dir: args.includes('--dir'),
    targets: args.filter((arg) => !arg.startsWith('-')),
  })
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
