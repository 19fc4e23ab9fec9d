/** Finds model files under a folder by name, without reading them. */
import { readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { readText } from '../../files/index.ts'
import { firstPart } from '../model-files.ts'
import { places, type Place, type Program } from './places.ts'

export interface FoundModel {
  /** The file to open: the first file of a split model. */
  file: string
  name: string
  /** Total size of all its files. */
  sizeBytes: number
  program?: Program
}

const MAX_DEPTH = 10
const MAX_ENTRIES = 100_000
const MAX_MANIFEST = 2 ** 20

/** Finds the models of other programs on this machine. */
export async function findModels(where: readonly Place[] = places()): Promise<FoundModel[]> {
  const found = await Promise.all(
    where.map(async ({ program, folder }) => {
      const models = program === 'ollama' ? await scanOllama(folder) : await scanFolder(folder)
      return models.map((model) => ({ ...model, program }))
    }),
  )
  return unique(found.flat())
}

/**
 * Finds GGUF files under a folder. A split model is listed once, by its first part; parts without a
 * first part are not listed. Symbolic links to folders are not followed.
 */
export async function scanFolder(folder: string): Promise<FoundModel[]> {
  const sizes = new Map<string, number>()
  let left = MAX_ENTRIES
  const walk = async (at: string, depth: number): Promise<void> => {
    const entries = await readdir(at, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (left-- <= 0) return
      const path = join(at, entry.name)
      if (entry.isDirectory()) {
        if (depth < MAX_DEPTH) await walk(path, depth + 1)
      } else if (/\.gguf$/i.test(entry.name) && !/(^|[_.-])mmproj/i.test(entry.name)) {
        // Links to files are followed, because the Hugging Face cache consists of them.
        const info = await stat(path).catch(() => undefined)
        if (info?.isFile()) sizes.set(path, info.size)
      }
    }
  }
  await walk(folder, 0)
  const models = new Map<string, FoundModel>()
  for (const [file, size] of sizes) {
    const first = firstPart(file)
    if (!sizes.has(first)) continue
    const model = models.get(first)
    if (model) model.sizeBytes += size
    else models.set(first, { file: first, name: nameOf(folder, first), sizeBytes: size })
  }
  return [...models.values()].sort((a, b) => (a.file < b.file ? -1 : 1))
}

/** Names a model after its file and folders, without the parts that a cache adds. */
function nameOf(folder: string, file: string): string {
  const parts = relative(folder, file)
    .split(sep)
    .filter((part) => !/^(snapshots|blobs|[0-9a-f]{40})$/.test(part))
  return parts
    .map((part) => part.replace(/^models--/, '').replaceAll('--', '/'))
    .join('/')
    .replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '')
}

/**
 * Finds Ollama's models. A manifest (registry/namespace/name/tag) names the weights by digest,
 * which is the name of a blob. A manifest that cannot be read is skipped.
 */
export async function scanOllama(folder: string): Promise<FoundModel[]> {
  const models: FoundModel[] = []
  let left = MAX_ENTRIES
  const walk = async (at: string, parts: string[]): Promise<void> => {
    for (const entry of await readdir(at, { withFileTypes: true }).catch(() => [])) {
      if (left-- <= 0) return
      const path = join(at, entry.name)
      if (entry.isDirectory() && parts.length < 6) await walk(path, [...parts, entry.name])
      else if (entry.isFile()) {
        const model = await fromManifest(folder, path, [...parts, entry.name])
        if (model) models.push(model)
      }
    }
  }
  await walk(join(folder, 'manifests'), [])
  return models.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function fromManifest(
  folder: string,
  path: string,
  parts: string[],
): Promise<FoundModel | undefined> {
  try {
    const manifest = JSON.parse(readText(path, MAX_MANIFEST)) as {
      layers?: { mediaType?: unknown; digest?: unknown }[]
    }
    const digest = manifest.layers?.find(
      ({ mediaType }) => mediaType === 'application/vnd.ollama.image.model',
    )?.digest
    const hex =
      typeof digest === 'string' ? /^sha256[:-]([0-9a-f]{64})$/.exec(digest)?.[1] : undefined
    if (hex === undefined || parts.length < 2) return undefined
    const file = join(folder, 'blobs', `sha256-${hex}`)
    const info = await stat(file)
    const [tag, ...rest] = [...parts].reverse() as [string, ...string[]]
    // Names without a registry and namespace come from registry.ollama.ai/library.
    const name = rest
      .reverse()
      .join('/')
      .replace(/^registry\.ollama\.ai\/(library\/)?/, '')
    return info.isFile() ? { file, name: `${name}:${tag}`, sizeBytes: info.size } : undefined
  } catch {
    return undefined
  }
}

function unique(models: readonly FoundModel[]): FoundModel[] {
  return [...new Map([...models].reverse().map((model) => [model.file, model])).values()].reverse()
}
