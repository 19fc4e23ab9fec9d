import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { BraidError } from '../protocol/errors.ts'
import { ModelEntry, type ModelInfo } from '../protocol/wire.ts'
import { DataFile } from './data-file.ts'

const Linked = z.array(ModelEntry.pick({ file: true, name: true, sizeBytes: true }))
const Manifest = z.looseObject({ file: z.string().regex(/^[\w.-]+\.gguf$/) })

/** Models of the user, linked where they are, never copied; and the bundled one. */
export class ModelList {
  readonly #linked: DataFile<z.infer<typeof Linked>>
  readonly #info: (file: string) => Promise<ModelInfo>

  constructor(folder: string, info: (file: string) => Promise<ModelInfo>) {
    this.#linked = new DataFile(join(folder, 'models.json'), Linked, [])
    this.#info = info
  }

  async list(): Promise<ModelEntry[]> {
    const bundled = bundledModel()
    const linked = this.#linked.read().filter(({ file }) => file !== bundled)
    const entries = linked.map((entry) => ({ ...entry, bundled: false, present: isFile(entry.file) }))
    if (bundled === null) return entries
    const { name, sizeBytes } = await this.#info(bundled)
    return [{ file: bundled, name, sizeBytes, bundled: true, present: true }, ...entries]
  }

  /** Errors: what reading the header says (`bad-model`, `model-not-found`). */
  async add(file: string): Promise<ModelEntry> {
    if (!isAbsolute(file)) throw new BraidError('bad-path', 'Give the whole path of the file, from the root on.')
    const { name, sizeBytes, file: real } = await this.#info(resolve(file))
    const entry = { file: real, name, sizeBytes }
    this.#linked.write([entry, ...this.#linked.read().filter((old) => old.file !== real)])
    return { ...entry, bundled: false, present: true }
  }

  /** Forgets a file; it stays where it is. */
  remove(file: string): void {
    this.#linked.write(this.#linked.read().filter((entry) => entry.file !== file))
  }
}

/** The model that came with Braid: BRAID_BUNDLED_MODEL, or what `models/manifest.json` above this file names. */
export function bundledModel(): string | null {
  const given = process.env.BRAID_BUNDLED_MODEL
  if (given !== undefined) return isFile(given) ? given : null
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'models', 'manifest.json')
    if (existsSync(manifest)) {
      const parsed = Manifest.safeParse(JSON.parse(readFileSync(manifest, 'utf8')))
      const file = parsed.success ? join(folder, 'models', parsed.data.file) : ''
      return isFile(file) ? file : null
    }
    if (folder === dirname(folder)) return null
  }
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true
}
