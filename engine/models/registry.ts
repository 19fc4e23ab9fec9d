/**
 * Keeps the list of models: bundled models, models of the user, which are linked in place and never
 * copied, and models that Braid downloaded or made. Removing a model deletes its files only if
 * Braid made them, in its own folder, and the user asked for it. The list is `models.json` in the
 * data folder.
 */
import { lstat, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { z } from 'zod'
import { ownEntry } from '../protocol/own.ts'
import { serverAddress, type ServerAddress } from '../protocol/address.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import { runError } from '../protocol/events.ts'
import type { Added, ModelEntry } from '../protocol/wire.ts'
import {
  diskError,
  makeFolder,
  MAX_OWN_FILE,
  readText,
  WriteLock,
  writeAtomic,
} from '../files/index.ts'
import { textOf } from './keys.ts'
import { scanFolder } from './link/scan.ts'
import { bundledModels, type Bundled } from './manifest.ts'
import { hashHeaders, readModelFiles } from './model-files.ts'
import { modelName } from './model-name.ts'

const Entry = z.object({
  /** The file to open. */
  file: z.string().min(1).max(4096),
  name: z.string().max(1024),
  /** Total size of all its files. */
  sizeBytes: z.number(),
  /** Identifies a model that was moved; absent in lists of earlier versions. */
  headerSha256: z.string().optional(),
  origin: z.enum(['link', 'download', 'server']).default('link'),
  /** Files of a downloaded model. */
  files: z.array(z.string().max(4096)).max(1000).optional(),
  /** Device for runs of this model that name none. */
  device: z.string().min(1).max(256).optional(),
})
type Entry = z.infer<typeof Entry>
/** Earlier versions wrote a bare list or version 1; both are read. */
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
  /** Changes are made one after another. */
  #last: Promise<unknown> = Promise.resolve()

  /** Downloads are stored in `models` of the data folder. */
  constructor(dataFolder: string, bundled: () => Bundled[] = bundledModels) {
    this.#file = join(dataFolder, 'models.json')
    this.#downloads = resolve(dataFolder, 'models')
    this.#bundled = bundled
  }

  /** Braid's own folder of models. */
  get downloads(): string {
    return this.#downloads
  }

  /** Returns the bundled models first, then the others, newest first. Throws `io`. */
  async list(): Promise<ModelEntry[]> {
    const { models, bundledDevices } = await this.#read()
    const bundled = this.#bundled().map((model): ModelEntry => ({
      ...model,
      origin: 'bundled',
      bundled: true,
      present: true,
      ...(ownEntry(bundledDevices, model.file) !== undefined && {
        device: ownEntry(bundledDevices, model.file),
      }),
    }))
    const own = models.filter(({ file }) => !bundled.some((model) => model.file === file))
    return [...bundled, ...(await Promise.all(own.map(shown)))]
  }

  /** Returns the device chosen for a model, or undefined. */
  async device(file: string): Promise<string | undefined> {
    const { models, bundledDevices } = await this.#read()
    return models.find((entry) => entry.file === file)?.device ?? ownEntry(bundledDevices, file)
  }

  /** Returns whether any of these files belongs to a model on the list. */
  async uses(files: readonly string[]): Promise<boolean> {
    const { models } = await this.#read()
    return models.some((entry) =>
      [entry.file, ...(entry.files ?? [])].some((file) => files.includes(file)),
    )
  }

  /**
   * Checks a GGUF and links it. Throws `bad-path`, `bad-model`, `model-not-found`, `io` or
   * `disk-full`.
   */
  async add(file: string): Promise<ModelEntry> {
    const entry = await describe(file)
    return this.#add({ ...entry, origin: 'link' })
  }

  /** Adds a model on a server. Throws `io` or `disk-full`. */
  async addServer({ server, name }: ServerAddress): Promise<ModelEntry> {
    return this.#add({
      file: serverAddress({ server, name }),
      name,
      sizeBytes: 0,
      origin: 'server',
    })
  }

  /**
   * Adds every model under a folder (`addFiles`). Throws `model-not-found` if the folder does not
   * exist.
   */
  async addFolder(folder: string): Promise<Added> {
    if (!isAbsolute(folder) || !(await stat(folder).catch(() => undefined))?.isDirectory())
      throw fail('model-not-found/folder', { folder })
    return this.addFiles((await scanFolder(folder)).map(({ file }) => file))
  }

  /** Adds models, and tells them from those already listed and from files that are none. */
  async addFiles(files: readonly string[]): Promise<Added> {
    const before = new Set((await this.list()).map(({ file }) => file))
    const all: Added = { added: [], known: [], refused: [] }
    for (const file of files) {
      try {
        const entry = await this.add(file)
        all[before.has(entry.file) ? 'known' : 'added'].push(entry)
      } catch (error) {
        all.refused.push({ file, ...runError(toBraidError(error)) })
      }
    }
    return all
  }

  /**
   * Adds a model that Braid downloaded or made. `files` are all its files, the one to open first.
   * Throws as `add` does.
   */
  async addDownloaded(files: readonly string[]): Promise<ModelEntry> {
    for (const file of files)
      if (!(await this.#own(file)))
        throw fail('bad-path/outside', { file, folder: this.#downloads })
    return this.#add({
      ...(await describe(files[0]!)),
      files: [...files],
      origin: 'download',
    })
  }

  /**
   * Points an entry whose file was moved to its new place. Throws `wrong-model` if the file is
   * another model.
   */
  async relink(old: string, file: string): Promise<ModelEntry> {
    const next = await describe(file)
    return this.#change(async (state) => {
      const entry = state.models.find((one) => one.file === old)
      if (!entry) throw fail('model-not-found/not-listed', { file: old })
      const same =
        entry.sizeBytes === next.sizeBytes &&
        (entry.headerSha256 ?? next.headerSha256) === next.headerSha256
      if (!same) throw fail('wrong-model/relink', { file, name: entry.name })
      const moved: Entry = {
        ...next,
        origin: 'link',
        ...(entry.device !== undefined && { device: entry.device }),
      }
      const models = state.models
        .map((one) => (one === entry ? moved : one))
        .filter((one, i, all) => all.findIndex(({ file: f }) => f === one.file) === i)
      return [{ ...state, models }, await shown(moved)]
    })
  }

  /** Sets the device for a model's runs; null leaves the choice to each run. */
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
   * Removes a model from the list; does nothing if it is not listed. With `deleteFiles`, deletes
   * the files if Braid downloaded them; linked files are never deleted. Returns the deleted files.
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
      // A file that Braid downloaded keeps that origin if it is added by hand.
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

  /** Returns whether this is a regular file whose real path is inside Braid's own folder. */
  async #own(file: string): Promise<boolean> {
    const info = await lstat(file).catch(() => undefined)
    if (!info?.isFile()) return false
    const [real, root] = await Promise.all([
      realpath(file),
      realpath(this.#downloads).catch(() => this.#downloads),
    ])
    return real.startsWith(root + sep)
  }

  /**
   * Reads the list. A damaged list counts as empty, because the models themselves are unharmed; it
   * is kept beside the next list that is written.
   */
  async #read(): Promise<State & { damaged?: true }> {
    let text: string
    try {
      text = readText(this.#file, MAX_OWN_FILE)
    } catch (error) {
      const { code, message: reason } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return { models: [], bundledDevices: {} }
      throw fail('io/model-list', { file: this.#file, reason }, { cause: error })
    }
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
      makeFolder(dirname(this.#file), SAVING)
      return await WriteLock.wait(`${this.#file}.lock`, 'the list of models')
    } catch (error) {
      throw diskError(error, SAVING)
    }
  }
}

async function describe(file: string): Promise<Omit<Entry, 'origin'>> {
  if (!isAbsolute(file)) throw fail('bad-path/relative')
  const { header, parts, sizeBytes } = await readModelFiles(resolve(file))
  return {
    file: header.file,
    name: modelName(header.file, textOf(header, 'general.name')),
    sizeBytes,
    headerSha256: await hashHeaders(parts),
  }
}

async function shown({ file, name, sizeBytes, origin, device }: Entry): Promise<ModelEntry> {
  // Whether a server can be reached shows once it is asked.
  const present =
    origin === 'server' ||
    (await stat(file).then(
      (info) => info.isFile(),
      () => false,
    ))
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
