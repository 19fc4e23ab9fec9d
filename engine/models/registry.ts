/**
 * The one list of models: those that came with Braid, those of the user, linked where they lie and never copied, and
 * those that Braid downloaded or made. Taking one off the list deletes its files only where Braid itself made them, in
 * its own folder, and the user asked for it. The list is `models.json` in the data folder.
 */
import { lstat, mkdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { z } from 'zod'
import { BraidError, toBraidError } from '../protocol/errors.ts'
import type { ModelEntry, Refused } from '../protocol/wire.ts'
import { diskError, writeAtomic } from '../files/index.ts'
import { WriteLock } from '../files/index.ts'
import { textOf } from './keys.ts'
import { scanFolder, type FoundModel } from './link/scan.ts'
import { bundledModels, type Bundled } from './manifest.ts'
import { hashHeaders, readModelFiles } from './model-files.ts'

const Entry = z.object({
  /** The file that is opened. */
  file: z.string().min(1).max(4096),
  name: z.string().max(1024),
  /** Of all its files. */
  sizeBytes: z.number(),
  /** By which a moved model is known again; absent in lists of earlier versions. */
  headerSha256: z.string().optional(),
  origin: z.enum(['link', 'download']).default('link'),
  /** Files of a downloaded model. */
  files: z.array(z.string().max(4096)).max(1000).optional(),
  /** Device that this model's runs take where they name none. */
  device: z.string().min(1).max(256).optional(),
})
type Entry = z.infer<typeof Entry>
/** Earlier versions wrote the bare list, or version 1; both are read. */
const Stored = z.union([
  z.object({
    version: z.union([z.literal(1), z.literal(2)]),
    models: z.array(Entry),
    bundledDevices: z.record(z.string(), z.string()).optional(),
  }),
  z
    .array(Entry)
    .transform((models) => ({ version: 1 as const, models, bundledDevices: undefined })),
])

interface State {
  models: Entry[]
  /** Devices chosen for bundled models, by file. */
  bundledDevices: Record<string, string>
}

const SAVING = 'Saving the list of models'

export class ModelRegistry {
  readonly #file: string
  readonly #downloads: string
  readonly #bundled: () => Bundled[]
  /** Changes wait for one another. */
  #last: Promise<unknown> = Promise.resolve()

  /** Downloads lie in `models` of the data folder. */
  constructor(dataFolder: string, bundled: () => Bundled[] = bundledModels) {
    this.#file = join(dataFolder, 'models.json')
    this.#downloads = resolve(dataFolder, 'models')
    this.#bundled = bundled
  }

  /** Braid's own folder of models. */
  get downloads(): string {
    return this.#downloads
  }

  /** Bundled models first, then the others, the newest first. Error: `io`. */
  async list(): Promise<ModelEntry[]> {
    const { models, bundledDevices } = await this.#read()
    const bundled = this.#bundled().map((model): ModelEntry => ({
      ...model,
      origin: 'bundled',
      bundled: true,
      present: true,
      ...(bundledDevices[model.file] !== undefined && { device: bundledDevices[model.file] }),
    }))
    const own = models.filter(({ file }) => !bundled.some((model) => model.file === file))
    return [...bundled, ...(await Promise.all(own.map(shown)))]
  }

  /** Device chosen for a model; undefined: none was. */
  async device(file: string): Promise<string | undefined> {
    const { models, bundledDevices } = await this.#read()
    return models.find((entry) => entry.file === file)?.device ?? bundledDevices[file]
  }

  /** Whether one of these files is of a model on the list. */
  async uses(files: readonly string[]): Promise<boolean> {
    const { models } = await this.#read()
    return models.some((entry) =>
      [entry.file, ...(entry.files ?? [])].some((file) => files.includes(file)),
    )
  }

  /** Checks a GGUF and links it. Errors: `bad-path`, `bad-model`, `model-not-found`, `io`, `disk-full`. */
  async add(file: string, name?: string): Promise<ModelEntry> {
    const entry = await describe(file, name)
    return this.#add({ ...entry, origin: 'link' })
  }

  /** Every model under a folder; what is none is told with its reason. Error `model-not-found`: there is no such folder. */
  async addFolder(folder: string): Promise<{ added: ModelEntry[]; refused: Refused[] }> {
    if (!isAbsolute(folder) || !(await stat(folder).catch(() => undefined))?.isDirectory())
      throw new BraidError('model-not-found', `There is no folder ${folder}.`)
    return this.addFound(await scanFolder(folder))
  }

  async addFound(
    models: readonly Pick<FoundModel, 'file' | 'name'>[],
  ): Promise<{ added: ModelEntry[]; refused: Refused[] }> {
    const added: ModelEntry[] = []
    const refused: Refused[] = []
    for (const { file, name } of models) {
      try {
        added.push(await this.add(file, name))
      } catch (error) {
        const { code, message } = toBraidError(error)
        refused.push({ file, code, message })
      }
    }
    return { added, refused }
  }

  /** A model that Braid downloaded or made: `files` are all of it, the one to open first. Errors: as `add`. */
  async addDownloaded(files: readonly string[], name?: string): Promise<ModelEntry> {
    for (const file of files)
      if (!(await this.#own(file)))
        throw new BraidError('bad-path', `${file} does not lie in ${this.#downloads}.`)
    return this.#add({
      ...(await describe(files[0]!, name)),
      files: [...files],
      origin: 'download',
    })
  }

  /** Points an entry whose file was moved to where it is now. Error `wrong-model`: another model lies there. */
  async relink(old: string, file: string): Promise<ModelEntry> {
    const next = await describe(file)
    return this.#change(async (state) => {
      const entry = state.models.find((one) => one.file === old)
      if (!entry) throw new BraidError('model-not-found', `${old} is not on the list.`)
      const same =
        entry.sizeBytes === next.sizeBytes &&
        (entry.headerSha256 ?? next.headerSha256) === next.headerSha256
      if (!same) throw new BraidError('wrong-model', `${file} is another model than ${entry.name}.`)
      const moved: Entry = {
        ...next,
        name: entry.name,
        origin: 'link',
        ...(entry.device !== undefined && { device: entry.device }),
      }
      const models = state.models
        .map((one) => (one === entry ? moved : one))
        .filter((one, i, all) => all.findIndex(({ file: f }) => f === one.file) === i)
      return [{ ...state, models }, await shown(moved)]
    })
  }

  /** The device of a model's runs; null: as each run says. */
  async setDevice(file: string, device: string | null): Promise<void> {
    await this.#change((state) => {
      const models = state.models.map((entry) =>
        entry.file === file ? { ...entry, device: device ?? undefined } : entry,
      )
      const { [file]: _, ...others } = state.bundledDevices
      const bundled = this.#bundled().some((model) => model.file === file) && device !== null
      return Promise.resolve([
        { models, bundledDevices: bundled ? { ...others, [file]: device } : others },
        undefined,
      ])
    })
  }

  /**
   * Takes a model off the list; one that is not on it is no error. With `deleteFiles` the files of one that Braid
   * downloaded are deleted; those of a link never are. Returns the files that were deleted.
   */
  async remove(file: string, options: { deleteFiles?: boolean } = {}): Promise<string[]> {
    return this.#change(async (state) => {
      const entry = state.models.find((one) => one.file === file)
      const deleted: string[] = []
      if (entry?.origin === 'download' && options.deleteFiles === true) {
        for (const part of entry.files ?? [entry.file]) {
          if (!(await this.#own(part))) continue
          await rm(part, { force: true })
          deleted.push(part)
        }
      }
      return [{ ...state, models: state.models.filter((one) => one !== entry) }, deleted]
    })
  }

  #add(entry: Entry): Promise<ModelEntry> {
    return this.#change(async (state) => {
      const before = state.models.find(({ file }) => file === entry.file)
      // A file that Braid downloaded stays known as such when it is added by hand.
      const kept: Entry = {
        ...entry,
        ...(before?.origin === 'download' && {
          origin: before.origin,
          files: entry.files ?? before.files,
        }),
        ...(before?.device !== undefined && { device: before.device }),
      }
      return [
        { ...state, models: [kept, ...state.models.filter((one) => one !== before)] },
        await shown(kept),
      ]
    })
  }

  /** A plain file whose real place is inside Braid's own folder. */
  async #own(file: string): Promise<boolean> {
    const info = await lstat(file).catch(() => undefined)
    if (!info?.isFile()) return false
    const [real, root] = await Promise.all([
      realpath(file),
      realpath(this.#downloads).catch(() => this.#downloads),
    ])
    return real.startsWith(root + sep)
  }

  /** A damaged list is an empty one: the models are where they were. It is kept beside the next one that is written. */
  async #read(): Promise<State & { damaged?: true }> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw new BraidError(
        'io',
        `The list of models (${this.#file}) cannot be read: ${error.message}`,
        { cause: error },
      )
    })
    if (text === undefined) return { models: [], bundledDevices: {} }
    try {
      const { models, bundledDevices } = Stored.parse(JSON.parse(text))
      return { models, bundledDevices: bundledDevices ?? {} }
    } catch {
      return { models: [], bundledDevices: {}, damaged: true }
    }
  }

  async #change<T>(work: (state: State) => Promise<[State, T]>): Promise<T> {
    const turn = this.#last.then(async () => {
      const lock = await this.#lock() // a window and a terminal may both change the list
      try {
        const { damaged, ...before } = await this.#read()
        const [after, result] = await work(before)
        if (damaged) await rename(this.#file, `${this.#file}.damaged`).catch(() => undefined)
        if (JSON.stringify(after) !== JSON.stringify(before))
          writeAtomic(this.#file, JSON.stringify({ version: 2, ...after }, null, 2) + '\n', SAVING)
        return result
      } finally {
        lock.release()
      }
    })
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #lock(): Promise<WriteLock> {
    try {
      await mkdir(dirname(this.#file), { recursive: true })
      return await WriteLock.wait(`${this.#file}.lock`, 'the list of models')
    } catch (error) {
      throw diskError(error, SAVING)
    }
  }
}

async function describe(file: string, name?: string): Promise<Omit<Entry, 'origin'>> {
  if (!isAbsolute(file))
    throw new BraidError('bad-path', 'Give the whole path of the file, from the root on.')
  const { header, parts, sizeBytes } = await readModelFiles(resolve(file))
  return {
    file: header.file,
    name: name ?? textOf(header, 'general.name') ?? basename(header.file, '.gguf'),
    sizeBytes,
    headerSha256: await hashHeaders(parts),
  }
}

async function shown({ file, name, sizeBytes, origin, device }: Entry): Promise<ModelEntry> {
  const present = await stat(file).then(
    (info) => info.isFile(),
    () => false,
  )
  return {
    file,
    name,
    sizeBytes,
    origin,
    bundled: false,
    present,
    ...(device !== undefined && { device }),
  }
}
