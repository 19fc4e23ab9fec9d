/**
 * Builds the sandbox's folder: its one program, the two interpreters, and the image that Python starts from. The engine
 * runs this (`tsx scripts/sandbox/build.ts FOLDER`) in a checkout when it first needs the sandbox.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { withLock } from '../native/lock.ts'
import { headed, text } from '../package/licences.ts'
import { root } from '../renderer.ts'
import { buildImage } from './image.ts'

const child = join(root, 'engine', 'sandbox', 'child')
const require = createRequire(import.meta.url)

async function buildSandbox(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [join(child, 'sandbox-main.ts')],
    outfile: join(folder, 'main.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    logLevel: 'warning',
  })
  const python = dirname(require.resolve('pyodide/pyodide.asm.wasm'))
  copyFileSync(join(python, 'pyodide.asm.wasm'), join(folder, 'python.wasm'))
  copyFileSync(
    require.resolve('@jitl/quickjs-wasmfile-release-sync/wasm'),
    join(folder, 'quickjs.wasm'),
  )
  copyFileSync(join(child, 'driver.js'), join(folder, 'driver.js'))
  writeFileSync(
    join(folder, 'python.image'),
    await buildImage(python, readFileSync(join(child, 'driver.py'), 'utf8')),
  )
  writeFileSync(join(folder, 'LICENCES.txt'), licences(Object.keys(metafile.inputs)))
}

/** Returns the licences of what the folder is made of. `inputs`: the files in its program. */
function licences(inputs: readonly string[]): string {
  const bundled = inputs.flatMap(
    (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [],
  )
  return headed([
    ['CPython (PSF-2.0)', readFileSync(join(import.meta.dirname, 'LICENSE.python.txt'), 'utf8')],
    ...[...new Set(['pyodide', ...bundled])].map(
      (name) => [name, text(join(root, 'node_modules', name))] as const,
    ),
  ])
}

/** Builds `folder` unless it exists, and removes older ones beside it. If it exists, it is whole. */
async function ensureSandbox(folder: string): Promise<void> {
  const parent = dirname(folder)
  mkdirSync(parent, { recursive: true })
  await withLock(
    join(parent, '.lock'),
    () => undefined,
    async () => {
      if (existsSync(folder)) return
      for (const name of readdirSync(parent))
        if (name !== '.lock') rmSync(join(parent, name), { recursive: true })
      const fresh = join(parent, '.new')
      await buildSandbox(fresh)
      renameSync(fresh, folder)
    },
  )
}

await ensureSandbox(process.argv[2]!)
