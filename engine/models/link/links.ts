/**
 * The models of the user: linked where they lie, never copied, or downloaded by Braid. Taking one off the list deletes
 * a file only where Braid itself downloaded it, into its own folder, and the user asked for it.
 */
import { lstat, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, isAbsolute, resolve, sep } from 'node:path'
import { z } from 'zod'
import { BraidError, toBraidError, type ErrorCode } from '../../protocol/errors.ts'
import { hashHeaders, readModelFiles, type ModelFiles } from '../model-files.ts'
import { textOf } from '../keys.ts'
import { scanFolder, type FoundModel } from './scan.ts'

const Entry = z.object({
  /** The file that is opened. */
  file: z.string().min(1).max(4096),
  name: z.string().max(1024),
  /** Of all its files. */
  sizeBytes: z.number(),
  /** By which a moved model is known again. */
  headerSha256: z.string(),
  origin: z.enum(['link', 'download']),
  /** Files of a downloaded model. */
  files: z.array(z.string().max(4096)).max(1000).optional(),
})
type Entry = z.infer<typeof Entry>
export type ModelLink = Entry & { /** false: the file is no longer there. */ present: boolean }
export interface Refused { file: string; code: ErrorCode; message: string }

export class ModelLinks {
  readonly #file: string
  readonly #downloads: string
  /** Changes wait for one another. */
  #last: Promise<unknown> = Promise.resolve()

  /** `file`: the list on disk; `downloads`: Braid's own folder of models. */
  constructor(file: string, downloads: string) {
    this.#file = file
    this.#downloads = resolve(downloads)
  }

  async list(): Promise<ModelLink[]> {
    return Promise.all((await this.#read()).map(async (entry) => ({ ...entry, present: await isFile(entry.file) })))
  }

  /** A file, by its whole path. Errors: `bad-path`, `bad-model`, `model-not-found`, `io`. */
  async add(file: string, name?: string): Promise<ModelLink> {
    return this.#add(await describe(file, name), 'link')
  }

  /** Every model under a folder; what is none is told with its reason. Error `model-not-found`: there is no such folder. */
  async addFolder(folder: string): Promise<{ added: ModelLink[]; refused: Refused[] }> {
    if (!isAbsolute(folder) || !(await stat(folder).catch(() => undefined))?.isDirectory()) throw new BraidError('model-not-found', `There is no folder ${folder}.`)
    return this.addFound(await scanFolder(folder))
  }

  async addFound(models: readonly FoundModel[]): Promise<{ added: ModelLink[]; refused: Refused[] }> {
    const added: ModelLink[] = []
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

  /** A model that Braid downloaded or made: `files` are all of it, the one to open first. */
  async addDownloaded(files: readonly string[], name?: string): Promise<ModelLink> {
    for (const file of files) if (!(await this.#own(file))) throw new BraidError('bad-path', `${file} does not lie in ${this.#downloads}.`)
    return this.#add({ ...(await describe(files[0]!, name)), files: [...files] }, 'download')
  }

  /** Points an entry whose file was moved to where it is now. Error `wrong-model`: another model lies there. */
  async relink(old: string, file: string): Promise<ModelLink> {
    const next = await describe(file)
    return this.#change(async (entries) => {
      const entry = entries.find((one) => one.file === old)
      if (!entry) throw new BraidError('model-not-found', `${old} is not on the list.`)
      if (entry.headerSha256 !== next.headerSha256 || entry.sizeBytes !== next.sizeBytes) throw new BraidError('wrong-model', `${file} is another model than ${entry.name}.`)
      const moved: Entry = { ...next, name: entry.name, origin: 'link' }
      return [entries.map((one) => (one === entry ? moved : one)).filter((one, i, all) => all.findIndex(({ file: f }) => f === one.file) === i), { ...moved, present: true }]
    })
  }

  /**
   * Takes a model off the list. With `deleteFiles` the files of one that Braid downloaded are deleted; those of a link
   * never are. Returns the files that were deleted.
   */
  async remove(file: string, options: { deleteFiles?: boolean } = {}): Promise<string[]> {
    return this.#change(async (entries) => {
      const entry = entries.find((one) => one.file === file)
      const deleted: string[] = []
      if (entry?.origin === 'download' && options.deleteFiles === true) {
        for (const part of entry.files ?? [entry.file]) {
          if (!(await this.#own(part))) continue
          await rm(part, { force: true })
          deleted.push(part)
        }
      }
      return [entries.filter((one) => one !== entry), deleted]
    })
  }

  #add(described: Omit<Entry, 'origin'>, origin: Entry['origin']): Promise<ModelLink> {
    const entry: Entry = { ...described, origin }
    // A file that Braid downloaded stays known as such when it is added by hand.
    return this.#change((entries) => {
      const before = entries.find(({ file }) => file === entry.file)
      const kept = before?.origin === 'download' ? { ...entry, origin: before.origin, files: before.files } : entry
      return Promise.resolve([[kept, ...entries.filter((one) => one !== before)], { ...kept, present: true }])
    })
  }

  /** A plain file whose real place is inside Braid's own folder. */
  async #own(file: string): Promise<boolean> {
    const info = await lstat(file).catch(() => undefined)
    if (!info?.isFile()) return false
    const [real, root] = await Promise.all([realpath(file), realpath(this.#downloads).catch(() => this.#downloads)])
    return real.startsWith(root + sep)
  }

  async #read(): Promise<Entry[]> {
    let text: string
    try {
      text = await readFile(this.#file, 'utf8')
    } catch {
      return []
    }
    try {
      return z.array(Entry).parse(JSON.parse(text))
    } catch {
      // The models are where they were; only the list has to be made again.
      return []
    }
  }

  async #change<T>(work: (entries: Entry[]) => Promise<[Entry[], T]>): Promise<T> {
    const turn = this.#last.then(async () => {
      const [entries, result] = await work(await this.#read())
      await mkdir(dirname(this.#file), { recursive: true })
      const next = `${this.#file}.next`
      const handle = await open(next, 'w', 0o600)
      try {
        await handle.writeFile(JSON.stringify(entries, null, 1))
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(next, this.#file)
      return result
    })
    this.#last = turn.catch(() => undefined)
    return turn
  }
}

async function describe(file: string, name?: string): Promise<Omit<Entry, 'origin'>> {
  if (!isAbsolute(file)) throw new BraidError('bad-path', 'Give the whole path of the file, from the root on.')
  const model: ModelFiles = await readModelFiles(resolve(file))
  return { file: model.header.file, name: name ?? textOf(model.header, 'general.name') ?? model.header.file.split(sep).at(-1)!, sizeBytes: model.sizeBytes, headerSha256: await hashHeaders(model.parts) }
}

const isFile = async (file: string) => (await stat(file).catch(() => undefined))?.isFile() === true
