/**
 * Performs the tasks: downloads, converts and fetches GPU backends. Adds the resulting models to
 * the list of models.
 */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fail } from '../protocol/errors.ts'
import { thrownError, type RunError } from '../protocol/events.ts'
import { makeFolder } from '../files/index.ts'
import type { Hub } from './hub-access.ts'
import { convertInProcess } from './convert/process.ts'
import { discardConversion, type ConvertProgress, type ConvertType } from './convert/convert.ts'
import { discardFiles, getFiles } from './download/index.ts'
import type { ModelRegistry } from './registry.ts'
import type { Job, Progress, Work } from './tasks.ts'

export interface JobsParts {
  hub: Hub
  registry: ModelRegistry
  /** Fetches a GPU backend. Returns the reason if the backend cannot be used. */
  fetchBackend: (
    backend: string,
    options: { signal: AbortSignal; onProgress: (progress: Progress) => void },
  ) => Promise<RunError | undefined>
  /** Called when a model was added to the list. */
  onModel: () => void
}

type Download = Extract<Job, { kind: 'download' }>
const filesOf = (job: Download) => job.files.map(({ name }) => join(job.folder, name))

/**
 * Adds the result of an earlier run of this job to the list and returns the model's file. Returns
 * undefined if the result is missing or incomplete.
 */
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
    own: string[],
    { signal, onProgress, onNotice }: Parameters<Work['run']>[1],
  ) => {
    if (dirname(job.output) !== registry.downloads)
      throw fail('bad-path/convert-folder', { folder: registry.downloads })
    makeFolder(registry.downloads)
    const { file, notices } = await convertInProcess({
      folder: job.folder,
      output: job.output,
      type: job.type,
      signal,
      onProgress: ({ phase, fraction }: ConvertProgress) => onProgress({ phase, fraction }),
    })
    notices.forEach(onNotice)
    await registry.addDownloaded([file, ...own])
    onModel()
    return file
  }
  return {
    async run(job, options) {
      const { signal, onProgress } = options
      switch (job.kind) {
        case 'backend': {
          const reason = await fetchBackend(job.backend, { signal, onProgress })
          if (reason !== undefined) throw thrownError(reason)
          return undefined
        }
        case 'convert':
          return convert(job, [], options)
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
            return convert({ folder: job.folder, ...job.convert }, files, options)
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
        // Files that were downloaded before the cancelled one are useless alone, so they are
        // deleted unless a model uses them or another process continues the download.
        const files = filesOf(job)
        if (free && !(await registry.uses(output === undefined ? files : [output, ...files])))
          for (const file of files) await rm(file, { force: true })
      }
      if (job.kind === 'convert') await discardConversion(job.output)
    },
  }
}

/** Returns the path, in Braid's own folder, of the GGUF that a folder is converted to. */
export const convertedName = (downloads: string, name: string, type: ConvertType) =>
  join(downloads, `${name.replace(/[^\w.-]+/g, '-')}-${type}.gguf`)
