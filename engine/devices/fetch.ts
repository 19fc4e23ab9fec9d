/**
 * Fetches GPU backends that are not in this copy of Braid: downloads the registry's archive of the
 * pinned package, checks it against the pinned sha512 and unpacks it into the data folder.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chunksOf, makeFolder } from '../files/index.ts'
import { download, Net, type DownloadProgress } from '../models/download/index.ts'
import type { GpuLibrary } from '../native/index.ts'
import { BraidError, fail } from '../protocol/errors.ts'
import { installedCuda, type CudaMajor } from './cuda.ts'
import { archiveUrl, platformPackages, readPin, type GpuBackend, type Pin } from './packages.ts'

/** Approximate packed sizes in bytes, shown to the user before the download. */
const SIZES: Record<GpuBackend, number> = { vulkan: 27e6, cuda: 139e6 }

const unpacked = (dataFolder: string, name: string) =>
  join(dataFolder, 'backends', `${name.replace('/', '+')}@${readPin().nodeLlamaCpp}`)

export interface Fetchable {
  backend: GpuBackend
  name: string
  sizeBytes: number
  major?: CudaMajor
  needs?: string
}

/** Returns the backends that can be fetched for this machine. */
export async function fetchable(
  platform = `${process.platform}-${process.arch}`,
): Promise<Fetchable[]> {
  const packages = platformPackages[platform]
  const found: Fetchable[] = []
  if (packages?.vulkan)
    found.push({ backend: 'vulkan', name: packages.vulkan, sizeBytes: SIZES.vulkan })
  if (packages?.cuda) {
    const installed = await installedCuda()
    const major = installed ?? 13
    found.push({
      backend: 'cuda',
      name: packages.cuda[major],
      sizeBytes: SIZES.cuda,
      major,
      ...(installed === undefined && { needs: `CUDA ${major} (libcudart, libcublas)` }),
    })
  }
  return found
}

/** Returns the libraries that were fetched for this version of Braid. */
export function fetchedLibraries(
  dataFolder: string,
  platform = `${process.platform}-${process.arch}`,
): GpuLibrary[] {
  const packages = platformPackages[platform]
  const wanted: [GpuBackend, string | undefined][] = [
    ['vulkan', packages?.vulkan],
    ['cuda', packages?.cuda?.[13]],
    ['cuda', packages?.cuda?.[12]],
  ]
  return wanted
    .flatMap(([backend, name]) => {
      const file = name === undefined ? undefined : libraryIn(unpacked(dataFolder, name), backend)
      return file === undefined ? [] : [{ backend, file }]
    })
    .filter((library, i, all) => all.findIndex(({ backend }) => backend === library.backend) === i)
}

/** Returns the library in `bins/PLATFORM` of a package; for CUDA 12 in its folder `fallback`. */
function libraryIn(folder: string, backend: GpuBackend): string | undefined {
  const bins = join(folder, 'bins')
  if (!existsSync(bins)) return undefined
  const folders = readdirSync(bins)
    .flatMap((name) => [join(bins, name, 'fallback'), join(bins, name)])
    .filter((at) => existsSync(at))
  for (const at of folders) {
    const name = readdirSync(at).find((one) =>
      new RegExp(`^(lib)?ggml-${backend}\\.(so|dll)$`).test(one),
    )
    if (name !== undefined) return join(at, name)
  }
  return undefined
}

export interface FetchOptions {
  /** Tests use another pin. */
  pin?: Pin
  signal?: AbortSignal
  onProgress?: (progress: DownloadProgress | { phase: 'unpack' }) => void
}

/**
 * Fetches a backend. Throws as `download` does, and `bad-model` if the archive is not the pinned
 * one.
 */
export async function fetchBackend(
  dataFolder: string,
  { backend, name }: Fetchable,
  options: FetchOptions = {},
): Promise<GpuLibrary> {
  const target = unpacked(dataFolder, name)
  const pin = options.pin ?? readPin()
  const integrity = pin.packages[name]
  if (integrity === undefined) throw new BraidError('internal', `${name} is not pinned.`)
  makeFolder(join(dataFolder, 'backends'))
  const archive = `${target}.tgz`
  const net = new Net({ token: '' })
  try {
    if (!existsSync(archive))
      await download(net, {
        url: archiveUrl(name, pin.nodeLlamaCpp),
        target: archive,
        signal: options.signal,
        onProgress: options.onProgress,
      })
  } finally {
    await net.close()
  }
  const hash = createHash('sha512')
  for await (const chunk of chunksOf(archive)) hash.update(chunk)
  if (`sha512-${hash.digest('base64')}` !== integrity) {
    await rm(archive, { force: true })
    throw fail('bad-model/checksum', { name })
  }
  options.onProgress?.({ phase: 'unpack' })
  const work = await mkdtemp(join(dataFolder, 'backends', 'tmp-'))
  try {
    await promisify(execFile)('tar', ['-xzf', archive, '-C', work])
    await rm(target, { recursive: true, force: true })
    await rename(join(work, 'package'), target)
  } finally {
    await rm(work, { recursive: true, force: true })
    await rm(archive, { force: true })
  }
  const file = libraryIn(target, backend)
  if (file === undefined)
    throw new BraidError('internal', `${name} does not contain a ${backend} backend.`)
  return { backend, file }
}
