/** How tasks are done: download, convert, fetch a backend; what was made goes on the list of models. */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BraidError } from '../protocol/errors.ts'
import type { Hub } from './hub-access.ts'
import { convertInProcess } from './convert/process.ts'
import { discardConversion, type ConvertProgress, type ConvertType } from './convert/convert.ts'
import { discardFiles, getFiles } from './download/index.ts'
import type { ModelRegistry } from './registry.ts'
import type { Job, Progress, Work } from './tasks.ts'

export interface JobsParts {
  hub: Hub
  registry: ModelRegistry
  /** Fetches a GPU backend; returns why it cannot be used, if so. */
  fetchBackend: (
    backend: string,
    options: { signal: AbortSignal; onProgress: (progress: Progress) => void },
  ) => Promise<string | undefined>
  /** A model came on the list. */
  onModel: () => void
}

type Download = Extract<Job, { kind: 'download' }>
const filesOf = (job: Download) => job.files.map(({ name }) => join(job.folder, name))

/** Puts on the list what such a job made before; returns the model's file. undefined: it is not here, or not whole. */
export async function takeMade(
  registry: ModelRegistry,
  job: Download,
): Promise<string | undefined> {
  const files = filesOf(job)
  const output = job.convert?.output
  if (!(output === undefined ? files : [output]).every((file) => existsSync(file))) return undefined
  return (
    await registry.addDownloaded(
      output === undefined ? files : [output, ...files.filter((file) => existsSync(file))],
    )
  ).file
}

export function jobs({ hub, registry, fetchBackend, onModel }: JobsParts): Work {
  const convert = async (
    job: { folder: string; type: ConvertType; output: string },
    own: string[] | null,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ) => {
    // Braid's own folder may not be there yet; another one has to be.
    if (dirname(job.output) === registry.downloads)
      await mkdir(registry.downloads, { recursive: true })
    const { file } = await convertInProcess({
      folder: job.folder,
      output: job.output,
      type: job.type,
      signal,
      onProgress: ({ phase, fraction }: ConvertProgress) => onProgress({ phase, fraction }),
    })
    if (own !== null) await registry.addDownloaded([file, ...own])
    else
      await registry.addDownloaded([file]).catch((error: unknown) => {
        // Written to a folder of the user: a link like any other.
        if ((error as BraidError).code !== 'bad-path') throw error
        return registry.add(file)
      })
    onModel()
    return file
  }
  return {
    async run(job, { signal, onProgress }) {
      switch (job.kind) {
        case 'backend': {
          const reason = await fetchBackend(job.backend, { signal, onProgress })
          if (reason !== undefined)
            throw new BraidError(
              'unknown-device',
              `The library is here now, and cannot be used: ${reason}`,
            )
          return undefined
        }
        case 'convert':
          return convert(job, null, signal, onProgress)
        case 'download': {
          const made = job.convert && (await takeMade(registry, job))
          if (made !== undefined) {
            onModel()
            return made
          }
          const net = hub.open()
          let files: string[]
          try {
            files = await getFiles(net, job.folder, job.files, {
              signal,
              onProgress: ({ done, total, phase }) =>
                onProgress({
                  phase,
                  done,
                  total,
                  fraction: total === null || total === 0 ? null : done / total,
                }),
            })
          } finally {
            await net.close()
          }
          if (job.convert !== undefined)
            return convert({ folder: job.folder, ...job.convert }, files, signal, onProgress)
          await registry.addDownloaded(files)
          onModel()
          return files[0]
        }
      }
    },
    async discard(job: Job) {
      if (job.kind === 'download') {
        const output = job.convert?.output
        const free =
          (await discardFiles(job.folder, job.files)) &&
          (output === undefined || (await discardConversion(output)))
        // Files that came before the one that was being fetched: of no use alone, unless a model has them or another process goes on.
        const files = filesOf(job)
        if (free && !(await registry.uses(output === undefined ? files : [output, ...files])))
          for (const file of files) await rm(file, { force: true })
      }
      if (job.kind === 'convert') await discardConversion(job.output)
    },
  }
}

/** Where a model that is converted from a folder goes, in Braid's own folder. */
export const convertedName = (downloads: string, name: string, type: ConvertType) =>
  join(downloads, `${name.replace(/[^\w.-]+/g, '-')}-${type}.gguf`)
