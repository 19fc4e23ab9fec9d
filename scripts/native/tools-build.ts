/** Programs for benchmarks and tests only: llama.cpp's own tools, a greedy decoder over the unpatched libllama, the core's tests. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build, configure } from './cmake.ts'
import { fetchPackage } from './fetch.ts'
import { readPackage, type GgmlFiles } from './layout.ts'
import {
  buildFolder,
  configureLlama,
  configureServer,
  coreOptions,
  ensureLlama,
  llamaBuild,
  usablePackages,
} from './llama.ts'
import { cacheDir, root } from './paths.ts'
import { probe, run, SetupError } from './process.ts'
import type { OnProgress } from './progress.ts'

const exe = process.platform === 'win32' ? '.exe' : ''

/** Absolute paths of programs. They load the CPU variants beside them; GGML_BACKEND_PATH adds one GPU backend. */
export interface Tools {
  batchedBench: string
  quantize: string
}

/** Builds llama-batched-bench and llama-quantize from the patched source on the same ggml. */
export async function buildTools(onProgress: OnProgress): Promise<Tools> {
  const llama = await ensureLlama(onProgress)
  const tools = {
    batchedBench: join(llama.bin, `llama-batched-bench${exe}`),
    quantize: join(llama.bin, `llama-quantize${exe}`),
  }
  const done = join(llama.build, 'done-tools')
  if (!existsSync(done)) {
    await configureLlama(llama, onProgress)
    await build(
      llama.build,
      ['llama-batched-bench', 'llama-quantize'],
      'Compiling llama.cpp tools',
      onProgress,
    )
    writeFileSync(done, '')
  }
  return tools
}

/** Returns why llama-server cannot be built here, or undefined. */
export const serverMissing = (): string | undefined =>
  process.platform === 'linux' ? undefined : 'built on Linux only'

/** Returns the path of a finished llama-server, or undefined. */
export async function builtServer(): Promise<string | undefined> {
  const folder = join(dirname((await llamaBuild()).build), 'server')
  return existsSync(join(folder, 'done')) ? join(folder, 'bin', 'llama-server') : undefined
}

/** Builds llama-server from the pinned source on the same ggml, for texts only; returns the path of the program. */
export async function buildServer(onProgress: OnProgress): Promise<string> {
  const missing = serverMissing()
  if (missing !== undefined) throw new SetupError(`llama-server is ${missing}`)
  const llama = await ensureLlama(onProgress)
  const folder = join(dirname(llama.build), 'server')
  const bin = join(folder, 'bin')
  const done = join(folder, 'done')
  if (!existsSync(done)) {
    onProgress({ phase: 'Configuring llama-server' })
    await configureServer(llama, folder, bin)
    await build(folder, ['llama-server'], 'Compiling llama-server', onProgress)
    writeFileSync(done, '')
  }
  return join(bin, 'llama-server')
}

/** Returns ggml and the stock libllama of this platform's npm package. */
export async function stockLlama(onProgress: OnProgress): Promise<GgmlFiles & { llama: string }> {
  const name = usablePackages()?.base
  if (!name)
    throw new SetupError(
      `There is no package with a stock libllama for ${process.platform}-${process.arch}`,
    )
  const files = readPackage(
    await fetchPackage(name, () => onProgress({ phase: `Fetching ${name}` })),
    process.platform,
  )
  if (!files.llama) throw new SetupError(`${name} has no libllama`)
  return { ...files, llama: files.llama }
}

/** Compiles test/native/stock-greedy.cpp against the stock libllama (Linux and macOS); returns the path of the program. */
export async function buildStockGreedy(onProgress: OnProgress): Promise<string> {
  if (process.platform === 'win32')
    throw new SetupError('stock-greedy is built on Linux and macOS only')
  const stock = await stockLlama(onProgress)
  const source = join(root, 'test', 'native', 'stock-greedy.cpp')
  const program = join(cacheDir(), 'stock-greedy', 'stock-greedy')
  const note = `${program}.built-from`
  const builtFrom = `// ${stock.folder}\n${readFileSync(source, 'utf8')}`
  if (existsSync(program) && existsSync(note) && readFileSync(note, 'utf8') === builtFrom)
    return program

  const llama = await ensureLlama(onProgress) // for the headers: the patches only add to them
  onProgress({ phase: 'Compiling stock-greedy' })
  mkdirSync(dirname(program), { recursive: true })
  const libraries = [stock.llama, stock.ggml, stock.base].map((name) => join(stock.folder, name))
  const includes = [join(llama.source, 'include'), join(llama.source, 'ggml', 'include')].flatMap(
    (folder) => ['-I', folder],
  )
  await run(process.env.CXX ?? 'c++', [
    '-std=c++17',
    '-O2',
    source,
    '-o',
    program,
    `-DGGML_FOLDER="${stock.folder}"`,
    ...includes,
    ...libraries,
    `-Wl,-rpath,${stock.folder}`,
  ])
  writeFileSync(note, builtFrom)
  return program
}

/** Returns why the core's tests cannot be built here, or undefined: they need a compiler with both sanitizers. */
export async function coreTestsMissing(): Promise<string | undefined> {
  if (process.platform === 'win32') return 'built on Linux and macOS only'
  const compiler = process.env.CXX ?? 'c++'
  if ((await probe(compiler, ['--version'])) === undefined) return `no C++ compiler (${compiler})`
  if ((await probe('cmake', ['--version'])) === undefined) return 'no CMake'
  const folder = mkdtempSync(join(tmpdir(), 'braid-sanitizers-'))
  try {
    const source = join(folder, 'main.cpp')
    writeFileSync(source, 'int main() {}')
    const sanitizers = '-fsanitize=address,undefined'
    const made = await probe(compiler, [sanitizers, source, '-o', join(folder, 'main')])
    return made === undefined ? `${compiler} cannot link ${sanitizers}` : undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Builds `core-tests LIBRARIES MODEL NAME` (test/native/core); returns it and the folder of libraries that it loads. */
export async function buildCoreTests(
  onProgress: OnProgress,
): Promise<{ program: string; libraries: string }> {
  const llama = await ensureLlama(onProgress)
  const folder = buildFolder('core-tests', llama)
  await configure(join(root, 'test', 'native', 'core'), folder, join(folder, 'bin'), {
    ...coreOptions(llama),
    CMAKE_BUILD_TYPE: 'None',
  })
  await build(folder, ['core-tests'], "Compiling the core's tests", onProgress)
  return { program: join(folder, 'core-tests'), libraries: llama.bin }
}
