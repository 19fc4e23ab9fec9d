/** The addon, and build/native: everything that runs, in one relocatable folder. */
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build, configure } from './cmake.ts'
import { chosenCuda, fetchGpuFiles } from './gpu.ts'
import {
  buildFolder,
  builtFiles,
  coreOptions,
  ensureLlama,
  llamaBuild,
  placeFile,
  type LlamaBuild,
} from './llama.ts'
import type { GpuBackend } from './layout.ts'
import { addonDir, nativeDir, readPin } from './paths.ts'
import { SetupError } from './process.ts'
import type { OnProgress } from './progress.ts'
import { ensureSchema } from './schema.ts'
import { listPatches } from './source.ts'
import { requireTools } from './tools.ts'

/** Contents of build/native/backends.json. File names are relative to its folder. */
export interface BackendsFile {
  /** Hash of everything that went into the folder. */
  key: string
  llamaCpp: { repository: string; tag: string; bundleCommit: string }
  patches: string[]
  ggml: 'package' | 'source'
  addon: string
  llama: string
  /** `ggml_backend_load_all_from_path(folder)` loads the best of them, and `accel`. */
  cpu: string[]
  accel: string[]
  /** Libraries to try with `ggml_backend_load`. */
  gpu: { backend: GpuBackend | 'metal'; file: string }[]
  /** ggml's RPC backend, its server, and the version of its protocol. */
  rpc: { library: string; server: string; protocol: string }
}

const windows = process.platform === 'win32'
const rpcLibrary = windows ? 'ggml-rpc.dll' : 'libggml-rpc.so'
const rpcServer = windows ? 'ggml-rpc-server.exe' : 'ggml-rpc-server'

const packageDir = (name: string) =>
  dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))

function addonFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && /(\.(cpp|cc|h|cmake)|CMakeLists\.txt)$/.test(path))
    .sort()
}

async function nativeKey(llama: LlamaBuild): Promise<string> {
  const hash = createHash('sha256')
    .update(llama.key)
    .update(`cuda ${chosenCuda() ?? 'none'}`)
  for (const name of ['node-addon-api', 'node-api-headers'])
    hash.update(readFileSync(join(packageDir(name), 'package.json')))
  for (const path of addonFiles(addonDir))
    hash.update(path.slice(addonDir.length)).update(readFileSync(path))
  return hash.digest('hex').slice(0, 12)
}

/** Returns the description of the staged folder, or undefined if it is missing or incomplete. */
export function readBackends(folder = nativeDir): BackendsFile | undefined {
  try {
    const file = JSON.parse(readFileSync(join(folder, 'backends.json'), 'utf8')) as BackendsFile
    const { addon, llama, cpu, gpu, rpc } = file
    const names = [addon, llama, ...cpu, ...gpu.map((one) => one.file), rpc.library, rpc.server]
    return names.every((name) => existsSync(join(folder, name))) ? file : undefined
  } catch {
    return undefined
  }
}

/** Compiles the addon, ggml's RPC backend and its server; returns the folder that holds them. */
async function buildAddon(llama: LlamaBuild, onProgress: OnProgress): Promise<string> {
  const schema = await ensureSchema(llama, onProgress)
  const folder = buildFolder('addon', llama)
  await configure(addonDir, folder, join(folder, 'bin'), {
    ...coreOptions(llama),
    BRAID_SCHEMA_LIBRARY: schema,
    BRAID_NODE_ADDON_API: packageDir('node-addon-api'),
    BRAID_NODE_API_HEADERS: packageDir('node-api-headers'),
  })
  const targets = ['braid', 'ggml-rpc', 'ggml-rpc-server']
  await build(folder, targets, 'Compiling the addon', onProgress)
  return join(folder, 'bin')
}

/** Returns the version of the RPC protocol from its header; programs with equal versions understand each other. */
function rpcProtocol(source: string): string {
  const header = readFileSync(join(source, 'ggml', 'include', 'ggml-rpc.h'), 'utf8')
  const part = (name: string) =>
    new RegExp(`^#define RPC_PROTO_${name}_VERSION\\s+(\\d+)$`, 'm').exec(header)?.[1]
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(part)
  if (parts.includes(undefined)) throw new SetupError('ggml-rpc.h names no version')
  return parts.join('.')
}

/** Replaces the contents of build/native; running processes keep the files that they have loaded. */
async function stage(
  llama: LlamaBuild,
  built: string,
  key: string,
  onProgress: OnProgress,
): Promise<BackendsFile> {
  const files = builtFiles(llama.bin)
  const gpuFiles = llama.ggmlFrom === 'package' ? await fetchGpuFiles(onProgress) : []
  if (files.metal) gpuFiles.push({ backend: 'metal', path: join(llama.bin, files.metal) })
  const next = `${nativeDir}.next`
  rmSync(next, { recursive: true, force: true })
  mkdirSync(join(next, 'gpu'), { recursive: true })

  const place = (from: string, name: string) => (placeFile(from, join(next, name)), name)
  const own = (name: string) => place(join(llama.bin, name), name)
  own(files.ggml)
  own(files.base)
  // a backend looks for ggml-base beside itself and must find the same file; Windows goes by the loaded name
  if (!windows && gpuFiles.length > 0)
    symlinkSync(join('..', files.base), join(next, 'gpu', files.base))
  const description: BackendsFile = {
    key,
    llamaCpp: readPin().llamaCpp,
    patches: await listPatches(),
    ggml: llama.ggmlFrom,
    addon: place(join(built, 'braid.node'), 'braid.node'),
    llama: own(files.llama!),
    cpu: files.cpu.map(own),
    accel: files.accel.map(own),
    gpu: gpuFiles.map(({ backend, path }) => ({
      backend,
      file: place(path, `gpu/${path.split(/[\\/]/).at(-1)!}`),
    })),
    rpc: {
      library: place(join(built, rpcLibrary), rpcLibrary),
      server: place(join(built, rpcServer), rpcServer),
      protocol: rpcProtocol(llama.source),
    },
  }
  writeFileSync(join(next, 'backends.json'), JSON.stringify(description, null, 2) + '\n')

  const old = `${nativeDir}.old-${process.pid}`
  try {
    rmSync(old, { recursive: true, force: true })
    if (existsSync(nativeDir)) renameSync(nativeDir, old)
    renameSync(next, nativeDir)
    rmSync(old, { recursive: true, force: true })
  } catch (error) {
    throw new SetupError(
      `${nativeDir} could not be replaced; is Braid still running? ${(error as Error).message}`,
    )
  }
  return description
}

/** Returns build/native if it matches the sources, or undefined if it must be built. Only reads. */
export async function currentNative(): Promise<BackendsFile | undefined> {
  const staged = readBackends()
  return staged && staged.key === (await nativeKey(await llamaBuild())) ? staged : undefined
}

/** Builds libllama and the addon if needed, and stages them. */
export async function buildNative(onProgress: OnProgress): Promise<BackendsFile> {
  const llama = await ensureLlama(onProgress)
  const key = await nativeKey(llama)
  await requireTools()
  const built = await buildAddon(llama, onProgress)
  return stage(llama, built, key, onProgress)
}
