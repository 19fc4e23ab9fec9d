/** How tasks are done: download, convert, fetch a backend; what was made goes on the list of models. */
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BraidError } from '../protocol/errors.ts'
import type { Hub } from './hub-access.ts'
import { convertInProcess } from './convert/process.ts'
import { discardConversion, type ConvertProgress, type ConvertType } from './convert/index.ts'
import { discardFiles, getFiles } from './download/index.ts'
import type { ModelRegistry } from './registry.ts'
import type { Job, Progress, Work } from './tasks.ts'

export interface JobsParts {
  hub: Hub
  registry: ModelRegistry
  /** Fetches a GPU backend; returns why it cannot be used, if so. */
  fetchBackend: (backend: string, options: { signal: AbortSignal; onProgress: (progress: Progress) => void }) => Promise<string | undefined>
  /** A model came on the list. */
  onModel: () => void
}

export function jobs({ hub, registry, fetchBackend, onModel }: JobsParts): Work {
  const convert = async (job: { folder: string; type: ConvertType; output: string }, own: string[] | null, signal: AbortSignal, onProgress: (progress: Progress) => void) => {
    // Braid's own folder may not be there yet; another one has to be.
    if (dirname(job.output) === registry.downloads) await mkdir(registry.downloads, { recursive: true })
    const { file } = await convertInProcess({ folder: job.folder, output: job.output, type: job.type, signal, onProgress: ({ phase, fraction }: ConvertProgress) => onProgress({ phase, fraction }) })
    if (own !== null) await registry.addDownloaded([file, ...own])
    else await registry.addDownloaded([file]).catch((error: unknown) => {
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
          if (reason !== undefined) throw new BraidError('unknown-device', `The library is here now, and cannot be used: ${reason}`)
          return undefined
        }
        case 'convert': return convert(job, null, signal, onProgress)
        case 'download': {
          const net = hub.open()
          let files: string[]
          try {
            files = await getFiles(net, job.folder, job.files, {
              signal, onProgress: ({ done, total, phase }) => onProgress({ phase, done, total, fraction: total === null || total === 0 ? null : done / total }),
            })
          } finally {
            await net.close()
          }
          if (job.convert !== undefined) return convert({ folder: job.folder, ...job.convert }, files, signal, onProgress)
          await registry.addDownloaded(files)
          onModel()
          return files[0]
        }
      }
    },
    async discard(job: Job) {
      if (job.kind === 'download') {
        await discardFiles(job.folder, job.files)
        if (job.convert !== undefined) await discardConversion(job.convert.output)
        // Files that came before the one that was being fetched: of no use alone.
        const paths = job.files.map(({ name }) => join(job.folder, name))
        const known = (await registry.list()).some(({ file }) => paths.includes(file))
        if (!known) for (const path of paths) await rm(path, { force: true })
      }
      if (job.kind === 'convert') await discardConversion(job.output)
    },
  }
}

/** Where a model that is converted from a folder goes, in Braid's own folder. */
export const convertedName = (downloads: string, name: string, type: ConvertType) => join(downloads, `${name.replace(/[^\w.-]+/g, '-')}-${type}.gguf`)
