/**
 * The models a user has linked, and those that come with Braid. A linked file stays where it is: it is never copied,
 * and taking it off the list does not delete it. The list is `models.json` in the data folder.
 */
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { z } from 'zod'
import { BraidError } from '../protocol/errors.ts'
import type { ModelEntry } from '../protocol/wire.ts'
import { textOf } from './keys.ts'
import { firstPart, readModelFiles } from './model-files.ts'

const Linked = z.object({ file: z.string(), name: z.string(), sizeBytes: z.number() })
const Stored = z.object({ version: z.literal(1), models: z.array(Linked) })
/** models/manifest.json: only what is needed of the models that lie beside it. */
const Manifest = z.object({ models: z.array(z.looseObject({ name: z.string(), file: z.string().optional() })) })
type Linked = z.infer<typeof Linked>

export class ModelRegistry {
  readonly #file: string
  readonly #bundledFolder: string | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** `bundledFolder`: the folder of manifest.json. */
  constructor(dataFolder: string, bundledFolder?: string) {
    this.#file = join(dataFolder, 'models.json')
    this.#bundledFolder = bundledFolder
  }

  /** Bundled models first, then the linked ones in the order they came. Error: `io` where the list cannot be read. */
  async list(): Promise<ModelEntry[]> {
    const linked = (await this.#read()).map(async (model) => ({ ...model, bundled: false, present: await isFile(model.file) }))
    return [...await this.bundled(), ...await Promise.all(linked)]
  }

  /** Models of the manifest whose file is there. A missing or unreadable manifest has none. */
  async bundled(): Promise<ModelEntry[]> {
    const folder = this.#bundledFolder
    if (folder === undefined) return []
    const manifest = Manifest.safeParse(await readFile(join(folder, 'manifest.json'), 'utf8').then((text) => JSON.parse(text) as unknown, () => undefined).catch(() => undefined))
    if (!manifest.success) return []
    const entries = manifest.data.models.map(async ({ name, file }): Promise<ModelEntry[]> => {
      // A plain name beside the manifest, no path out of the folder.
      if (file === undefined || basename(file) !== file) return []
      const path = join(folder, file)
      const info = await stat(path).catch(() => undefined)
      return info?.isFile() ? [{ file: path, name, sizeBytes: info.size, bundled: true, present: true }] : []
    })
    return (await Promise.all(entries)).flat()
  }

  /** Checks a GGUF and links it; one that is linked already keeps its place. Errors: `bad-model`, `model-not-found`, `io`, `disk-full`. */
  async add(file: string): Promise<ModelEntry> {
    const { header, sizeBytes } = await readModelFiles(resolve(file))
    const model: Linked = { file: header.file, name: textOf(header, 'general.name') ?? basename(header.file, '.gguf'), sizeBytes }
    await this.#change((models) => {
      const at = models.findIndex((other) => other.file === model.file)
      return at < 0 ? [...models, model] : models.map((other, i) => (i === at ? model : other))
    })
    return { ...model, bundled: false, present: true }
  }

  /** Takes a model off the list; its file stays. One that is not on it is no error. */
  async remove(file: string): Promise<void> {
    const path = firstPart(resolve(file))
    await this.#change((models) => models.filter((model) => model.file !== path))
  }

  /** One change after another, each on what the last one wrote. */
  #change(change: (models: Linked[]) => Linked[]): Promise<void> {
    const next = this.#last.then(async () => {
      const before = await this.#read()
      const after = change(before)
      if (JSON.stringify(after) !== JSON.stringify(before)) await this.#write(after)
    })
    this.#last = next.catch(() => undefined)
    return next
  }

  async #read(): Promise<Linked[]> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw new BraidError('io', `The list of models (${this.#file}) cannot be read: ${error.message}`, { cause: error })
    })
    if (text === undefined) return []
    try {
      return Stored.parse(JSON.parse(text)).models
    } catch (error) {
      throw new BraidError('io', `The list of models (${this.#file}) is damaged. Move it away to start a new one; no model is lost.`, { cause: error })
    }
  }

  /** Whole or not at all. */
  async #write(models: Linked[]): Promise<void> {
    const partial = `${this.#file}.${process.pid}.partial`
    try {
      await mkdir(join(this.#file, '..'), { recursive: true })
      const handle = await open(partial, 'w', 0o600)
      try {
        await handle.writeFile(JSON.stringify({ version: 1, models }, null, 2) + '\n')
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(partial, this.#file)
    } catch (error) {
      await rm(partial, { force: true })
      const full = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
      throw new BraidError(full ? 'disk-full' : 'io', `The list of models cannot be saved: ${(error as Error).message}`, { cause: error })
    }
  }
}

async function isFile(file: string): Promise<boolean> {
  return stat(file).then((info) => info.isFile(), () => false)
}
