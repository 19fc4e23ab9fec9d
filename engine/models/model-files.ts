/** Reads the one file or, for a split model (`NAME-00001-of-00003.gguf`), all files of a model. */
import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { chunksOf } from '../files/index.ts'
import { checkModel, type Dimensions } from './check.ts'
import { bad, readGguf, type GgufHeader, type GgufTensor } from './gguf.ts'
import { integerOf, numberOf } from './keys.ts'

const MAX_PARTS = 999
const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/

export interface ModelFiles {
  /** Header of the first file, which holds the metadata and is the one that native code opens. */
  header: GgufHeader
  parts: readonly GgufHeader[]
  tensors: readonly GgufTensor[]
  /** Total size of all files. */
  sizeBytes: number
  dimensions: Dimensions
}

/**
 * Reads and checks all headers of the model that `file` belongs to. Throws `bad-model`,
 * `model-not-found` or `io`.
 */
export async function readModelFiles(file: string): Promise<ModelFiles> {
  const header = await readGguf(firstPart(file))
  const count = integerOf(header, 'split.count', 0, MAX_PARTS, 1)
  const parts = [header]
  if (count > 1) {
    const names = partNames(basename(header.file))
    if (names.length !== count)
      throw bad(
        `The model has ${count} files; their names must be like NAME-00001-of-${pad(count)}.gguf.`,
      )
    for (const name of names.slice(1)) parts.push(await readGguf(join(dirname(header.file), name)))
    parts.forEach((part, i) => {
      if (numberOf(part, 'split.no') !== i)
        throw bad(`${basename(part.file)} is not part ${i + 1} of the model.`)
    })
  }
  const tensors = parts.flatMap((part) => part.tensors)
  const names = new Set(tensors.map(({ name }) => name))
  if (names.size !== tensors.length) throw bad('Two of the files hold a tensor with the same name.')
  return {
    header,
    parts,
    tensors,
    sizeBytes: parts.reduce((sum, { fileBytes }) => sum + fileBytes, 0),
    dimensions: checkModel(header, tensors),
  }
}

/** Returns the first file of the split model that `file` belongs to, or `file` itself. */
export function firstPart(file: string): string {
  const [first] = partNames(basename(file))
  return first === basename(file) ? file : join(dirname(file), first!)
}

/**
 * Returns the names of all files of the split model that this name belongs to, in order, or just
 * the name.
 */
export function partNames(name: string): string[] {
  const match = PART.exec(name)
  const [part, count] = [Number(match?.[2]), Number(match?.[3])]
  if (!match || part < 1 || part > count || count > MAX_PARTS) return [name]
  return Array.from({ length: count }, (_, i) => `${match[1]}-${pad(i + 1)}-of-${match[3]}.gguf`)
}

const pad = (n: number) => String(n).padStart(5, '0')

/** Returns the sha256 of all files' headers in hex. */
export async function hashHeaders(parts: readonly GgufHeader[]): Promise<string> {
  const hash = createHash('sha256')
  for (const { file, headerBytes } of parts) {
    for await (const chunk of chunksOf(file, { end: headerBytes - 1 })) hash.update(chunk)
  }
  return hash.digest('hex')
}
