/** GPU backends. Vulkan comes with its platform; CUDA only on request. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installedCuda, type CudaMajor } from '../../engine/devices/cuda.ts'
import { fetchPackage } from './fetch.ts'
import { binsFolder, readPackage, type GpuBackend } from './layout.ts'
import { usablePackages } from './llama.ts'
import { cacheDir } from './paths.ts'
import { SetupError } from './process.ts'
import type { OnProgress } from './progress.ts'

export type { CudaMajor }

const choiceFile = () => join(cacheDir(), 'cuda')

/** The CUDA build that `npm run cuda` chose for this cache. */
export function chosenCuda(): CudaMajor | undefined {
  if (!existsSync(choiceFile()) || !usablePackages()?.cuda) return undefined
  return readFileSync(choiceFile(), 'utf8').trim() === '12' ? 12 : 13
}

/** Fetches a CUDA build and remembers the choice. Returns a line for the user. */
export async function chooseCuda(
  asked: CudaMajor | undefined,
  onProgress: OnProgress,
): Promise<string> {
  const packages = usablePackages()?.cuda
  if (!packages)
    throw new SetupError(`There is no CUDA package for ${process.platform}-${process.arch}`)
  const found = await installedCuda()
  const major = asked ?? found ?? 13
  await fetchPackage(packages[major], (name) =>
    onProgress({ phase: `Fetching ${name} (CUDA ${major})` }),
  )
  mkdirSync(cacheDir(), { recursive: true })
  writeFileSync(choiceFile(), `${major}\n`)
  return found === major
    ? `CUDA ${major} backend fetched.`
    : `CUDA ${major} backend fetched. It needs the CUDA ${major} runtime and cuBLAS (libcudart, libcublas), which were not found on this machine.`
}

/** Returns the backend libraries to stage, and fetches missing ones. */
export async function fetchGpuFiles(
  onProgress: OnProgress,
): Promise<{ backend: GpuBackend | 'metal'; path: string }[]> {
  const packages = usablePackages()
  if (!packages) return []
  const onFetch = (name: string) => onProgress({ phase: `Fetching ${name}` })
  const found: { backend: GpuBackend | 'metal'; path: string }[] = []
  const take = (
    backend: GpuBackend | 'metal',
    folder: string,
    name: string | undefined,
    from: string,
  ) => {
    if (!name) throw new SetupError(`${from} holds no ${backend} backend`)
    found.push({ backend, path: join(folder, name) })
  }
  if (packages.vulkan) {
    const files = readPackage(await fetchPackage(packages.vulkan, onFetch), process.platform)
    take('vulkan', files.folder, files.vulkan, packages.vulkan)
  }
  const major = chosenCuda()
  if (packages.cuda && major) {
    const name = packages.cuda[major]
    const bins = binsFolder(await fetchPackage(name, onFetch))
    const folder = major === 12 ? join(bins, 'fallback') : bins
    take(
      'cuda',
      folder,
      readdirSync(folder).find((file) => /^(lib)?ggml-cuda\.(so|dll)$/.test(file)),
      name,
    )
  }
  const base = readPackage(await fetchPackage(packages.base, onFetch), process.platform)
  if (base.metal) take('metal', base.folder, base.metal, packages.base)
  return found
}
