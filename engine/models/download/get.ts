/**
 * Downloads all files of a model into a folder. Files that already exist are kept; the model is
 * complete when this returns.
 */
import { rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fail } from '../../protocol/errors.ts'
import { isLocked, makeFolder } from '../../files/index.ts'
import { discardDownload, lockFile } from './state.ts'
import { download, hashFile, type DownloadOptions } from './download.ts'
import { fileUrl, isPlainPath, type HubChoice, type HubRepo } from './hub.ts'
import type { Net } from './net.ts'

export interface WantedFile {
  url: string
  name: string
  size?: number
  sha256?: string
}

/** Returns the files of a choice, by name without folders: all are stored in one folder. */
export function wantedFiles(net: Net, repo: HubRepo, choice: HubChoice): WantedFile[] {
  return choice.files.map(({ path, size, sha256 }) => ({
    url: fileUrl(net, repo, path),
    name: basename(path),
    size,
    sha256,
  }))
}

export type GetOptions = Pick<
  DownloadOptions,
  'signal' | 'parts' | 'leastPart' | 'stallMs' | 'retryMs' | 'tries'
> & {
  onProgress?: (progress: {
    done: number
    total: number | null
    file: string
    phase: 'download' | 'check'
  }) => void
}

/**
 * Downloads the files and returns their paths, in order. Throws as `download` does, and `bad-path`
 * if a name points outside the folder.
 */
export async function getFiles(
  net: Net,
  folder: string,
  files: readonly WantedFile[],
  options: GetOptions = {},
): Promise<string[]> {
  for (const { name } of files)
    if (!isPlainPath(name) || name.includes('/'))
      throw fail('bad-path/file-name', { name: JSON.stringify(name) })
  makeFolder(folder)
  const total = files.some(({ size }) => size === undefined)
    ? null
    : files.reduce((sum, { size }) => sum + size!, 0)
  let before = 0
  const made: string[] = []
  for (const { url, name, size, sha256 } of files) {
    const target = join(folder, name)
    const there = await stat(target).catch(() => undefined)
    const onProgress: DownloadOptions['onProgress'] = ({ done, total: bytes, phase }) =>
      options.onProgress?.({
        done: before + done,
        total: total ?? (files.length === 1 ? bytes : null),
        file: name,
        phase,
      })
    if (!there) await download(net, { ...options, url, target, size, sha256, onProgress })
    else {
      // A file becomes visible only when complete, so one with another size or checksum does not
      // belong to this model.
      onProgress({ phase: 'check', done: there.size, total: there.size })
      const same =
        (size === undefined || there.size === size) &&
        (sha256 === undefined || (await hashFile(target, options.signal)) === sha256.toLowerCase())
      if (!same) throw fail('bad-path/same-name', { file: target })
    }
    before += size ?? (await stat(target)).size
    made.push(target)
  }
  return made
}

/**
 * Removes the unfinished parts of a model. Returns false and removes nothing if another process is
 * downloading one of the files.
 */
export async function discardFiles(folder: string, files: readonly WantedFile[]): Promise<boolean> {
  const targets = files.map(({ name }) => join(folder, name))
  if (targets.some((target) => isLocked(lockFile(target)))) return false
  for (const target of targets) {
    await discardDownload(target)
    await rm(lockFile(target), { force: true })
  }
  return true
}
