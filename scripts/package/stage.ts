/** Lays out under release/stage what an installed Braid consists of besides Electron. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { readManifest } from '../../engine/models/index.ts'
import { compileEngine, compileShell } from '../compile.ts'
import { ensureNative, type BackendsFile } from '../native/index.ts'
import { ensureRenderer, root } from '../renderer.ts'
import { licences } from './licences.ts'

export interface Staged {
  /** The shell and its page, which go into app.asar. */
  app: string
  /** The engine, native code, models, Node and the command line, which go beside it as files. */
  braid: string
}

export interface StageOptions {
  /** Compiles to `dist/engine` and `dist/electron`; absent: for current Node and Electron. */
  compile?: (dist: string) => Promise<void>
}

interface Package {
  name: string
  version: string
  description: string
  license: string
  homepage?: string
  repository?: unknown
  author?: unknown
}
export const rootPackage = (): Package =>
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package

export async function stage(folder: string, { compile }: StageOptions = {}): Promise<Staged> {
  const native = await ensureNative()
  ensureRenderer()
  rmSync(folder, { recursive: true, force: true })
  const [app, braid] = [join(folder, 'app'), join(folder, 'braid')]
  for (const one of [app, braid]) mkdirSync(join(one, 'dist'), { recursive: true })

  const page = join(root, 'dist', 'renderer')
  // One copy is for the window, inside the archive, and one for `braid serve`.
  for (const one of [app, braid]) cpSync(page, join(one, 'dist', 'renderer'), { recursive: true })
  await (compile ?? compileApp)(join(braid, 'dist'))
  cpSync(join(braid, 'dist', 'electron'), join(app, 'dist', 'electron'), { recursive: true })
  rmSync(join(braid, 'dist', 'electron'), { recursive: true })

  const { name, version, description, license, homepage, repository, author } = rootPackage()
  const about = {
    name,
    version,
    description,
    license,
    homepage: homepage ?? 'https://braid.invalid/',
    repository,
    author: author ?? 'The Braid maintainers',
  }
  writeFileSync(
    join(app, 'package.json'),
    JSON.stringify(
      { ...about, main: 'dist/electron/main.cjs', desktopName: 'braid-desktop.desktop' },
      null,
      2,
    ),
  )
  writeFileSync(join(braid, 'package.json'), JSON.stringify({ ...about, type: 'module' }, null, 2))

  stageNative(native, join(braid, 'build', 'native'))
  stageModels(join(braid, 'models'))
  // Chat templates run in a separate thread that imports this package; everything else is compiled in. (Packagers omit a top-level node_modules.)
  cpSync(
    join(root, 'node_modules', '@huggingface', 'jinja'),
    join(braid, 'dist', 'engine', 'node_modules', '@huggingface', 'jinja'),
    { recursive: true, filter: (path) => !/\.map$/.test(path) },
  )
  mkdirSync(join(braid, 'patches'))
  copyFileSync(join(root, 'patches', 'pin.json'), join(braid, 'patches', 'pin.json'))
  cpSync(join(root, 'docs'), join(braid, 'docs'), { recursive: true })
  stageNode(join(braid, 'bin'))
  copyFileSync(join(root, 'LICENSE'), join(braid, 'LICENSE'))
  writeFileSync(join(braid, 'LICENCES.txt'), licences())
  return { app, braid }
}

/** Compiles engine and shell for current Node and Electron, with the npm packages that they need. */
export async function compileApp(dist: string): Promise<void> {
  await compileEngine(join(dist, 'engine'), {
    packages: 'bundle',
    sourcemap: false,
    minify: true,
    keepNames: true,
    banner: {
      js: `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);`,
    },
  })
  await compileShell(join(dist, 'electron'), { sourcemap: false })
}

/** Copies only what backends.json names; users with an NVIDIA GPU fetch CUDA. */
function stageNative(native: BackendsFile & { folder: string }, to: string): void {
  const gpu = native.gpu.filter(({ backend }) => !backend.startsWith('cuda'))
  const { folder, ...file } = native
  mkdirSync(to, { recursive: true })
  cpSync(folder, to, {
    recursive: true,
    dereference: true,
    filter: (path) =>
      !/[\\/]gpu[\\/]./.test(path) ||
      gpu.some((one) => path.endsWith(join('gpu', one.file.replace(/^gpu[\\/]/, '')))),
  })
  writeFileSync(join(to, 'backends.json'), JSON.stringify({ ...file, gpu }, null, 2))
}

/** Copies the manifest, the models that it lists as bundled, and the lab's problem sets. */
function stageModels(to: string): void {
  const from = join(root, 'models')
  mkdirSync(to, { recursive: true })
  copyFileSync(join(from, 'manifest.json'), join(to, 'manifest.json'))
  for (const set of ['everyday-40.jsonl', 'numbers-40.jsonl'])
    copyFileSync(join(from, set), join(to, set))
  for (const { file } of readManifest(join(from, 'manifest.json'))) {
    if (file === undefined) continue
    if (!existsSync(join(from, file)))
      throw new Error(`models/manifest.json names ${file}, which does not exist.`)
    copyFileSync(join(from, file), join(to, file))
  }
}

/**
 * Copies the Node that runs the build: the command line and the engine's small programs run on it. Electron could replace it only
 * with its fuse RunAsNode on, which would let anyone use the app as Node.
 */
function stageNode(bin: string): void {
  const shared = Object.entries(process.config.variables as unknown as Record<string, unknown>)
    .filter(([name, value]) => name.startsWith('node_shared') && value === true)
    .map(([name]) => name)
  if (shared.length > 0)
    throw new Error(
      `This Node (${process.execPath}) needs libraries of the system (${shared.join(', ')}). Package with a build of nodejs.org.`,
    )
  const windows = process.platform === 'win32'
  mkdirSync(bin, { recursive: true })
  const node = join(bin, windows ? 'node.exe' : 'node')
  copyFileSync(process.execPath, node)
  chmodSync(node, 0o755)
  const command = join(bin, windows ? 'braid.cmd' : 'braid')
  copyFileSync(join(root, 'scripts', 'package', windows ? 'braid.cmd' : 'braid.sh'), command)
  chmodSync(command, 0o755)
  const licence = nodeLicence()
  if (licence !== undefined) copyFileSync(licence, join(bin, 'LICENSE.node.txt'))
}

function nodeLicence(): string | undefined {
  const prefix = dirname(dirname(process.execPath))
  return [
    join(dirname(process.execPath), 'LICENSE'),
    join(prefix, 'LICENSE'),
    join(prefix, 'share', 'doc', 'nodejs', 'LICENSE'),
    join(prefix, 'share', 'doc', 'node', 'LICENSE'),
  ].find((file) => existsSync(file))
}
