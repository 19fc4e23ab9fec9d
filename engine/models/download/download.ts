/**
 * Downloads one file: in parallel parts if the server supports it, resumed after an interruption,
 * and checked by SHA-256 before it becomes visible. The target is always either complete and
 * correct or absent.
 */
import { createHash } from 'node:crypto'
import { rename, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { chunksOf, regularHandle } from '../../files/index.ts'
import { BraidError, fail } from '../../protocol/errors.ts'
import { claim, fileError, syncFolder } from '../convert/files.ts'
import { Fetcher, FileChanged, type Source } from './fetcher.ts'
import type { Net } from './net.ts'
import {
  discardDownload,
  lockFile,
  partFile,
  readState,
  segmentsOf,
  writeState,
  type DownloadState,
} from './state.ts'

export interface DownloadOptions {
  url: string
  target: string
  /** Expected SHA-256 in hex; if absent, the checksum that the server publishes, if any. */
  sha256?: string
  /** Size in bytes, if known. */
  size?: number
  /** Maximum number of parallel parts; default 4. */
  parts?: number
  /** Minimum bytes per part; default 16 MiB. */
  leastPart?: number
  /** Milliseconds without data after which a part is requested again; default 30 s. */
  stallMs?: number
  /** Milliseconds before the first retry, doubled with each further one; default 1 s. */
  retryMs?: number
  /** Attempts per part without any progress before the download fails; default 6. */
  tries?: number
  signal?: AbortSignal
  /** Receives the progress. `total` is null if the server does not report a size. */
  onProgress?: (progress: DownloadProgress) => void
}
export interface DownloadProgress {
  phase: 'download' | 'check'
  done: number
  total: number | null
}
export interface Downloaded {
  file: string
  sizeBytes: number
  sha256: string
  /** True if the file was compared with a published checksum. */
  verified: boolean
}

/** How often a download restarts if the file changed on the server. */
const RESTARTS = 2
const LEFT_FREE = 64 * 2 ** 20

/**
 * Downloads a file. Throws `cancelled` (the partial file stays, and the next call resumes it),
 * `disk-full`, `model-not-found`, `bad-model` (the checksum differs after two downloads),
 * `bad-path` (the target exists), `bad-request` (the address is not allowed, or another process is
 * downloading it) or `io`.
 */
export async function download(net: Net, options: DownloadOptions): Promise<Downloaded> {
  const url = net.allow(options.url)
  const lock = claim(options.target, lockFile(options.target))
  try {
    return await fetchChecked(net, url, options)
  } finally {
    lock.release()
  }
}

async function fetchChecked(net: Net, url: URL, options: DownloadOptions): Promise<Downloaded> {
  const { target } = options
  if (await stat(target).catch(() => undefined)) throw fail('bad-path/exists', { file: target })
  for (let restart = 0; ; restart++) {
    try {
      return await attempt(net, url, options)
    } catch (error) {
      const again = error instanceof FileChanged || error instanceof WrongChecksum
      if (again) await discardDownload(target)
      if (!again) throw fileError(error, target)
      if (restart >= (error instanceof FileChanged ? RESTARTS : 1)) throw error
    }
  }
}

class WrongChecksum extends BraidError {}

async function attempt(net: Net, url: URL, options: DownloadOptions): Promise<Downloaded> {
  const { target, signal } = options
  const fetcher = new Fetcher(net, url, {
    stallMs: options.stallMs ?? 30_000,
    retryMs: options.retryMs ?? 1000,
    tries: options.tries ?? 6,
  })
  const source = await fetcher.probe(signal)
  if (options.size !== undefined && source.size !== null && source.size !== options.size)
    throw fail('bad-model/other-size', {
      host: url.hostname,
      size: source.size,
      expected: options.size,
    })
  const expected = (options.sha256 ?? source.sha256)?.toLowerCase()
  const state = await startState(url, source, options)
  const size = await fetchAll(fetcher, source, state, options)

  options.onProgress?.({ phase: 'check', done: size, total: size })
  const sha256 = await hashFile(partFile(target), signal)
  if (expected !== undefined && sha256 !== expected)
    throw new WrongChecksum(
      'bad-model',
      `${url.hostname} sent a file whose SHA-256 is ${sha256}; expected ${expected}. The file was not kept.`,
    )
  if ((await stat(partFile(target))).size !== size)
    throw fail('io/part-changed', { file: partFile(target) })
  await rename(partFile(target), target)
  await syncFolder(dirname(target))
  await discardDownload(target)
  return { file: target, sizeBytes: size, sha256, verified: expected !== undefined }
}

/**
 * Returns the state of an earlier attempt if it was for the same file, otherwise a fresh state.
 * Throws `disk-full`.
 */
async function startState(
  url: URL,
  source: Source,
  options: DownloadOptions,
): Promise<DownloadState> {
  const { target } = options
  const old = await readState(target)
  const onDisk = (await stat(partFile(target)).catch(() => undefined))?.size ?? -1
  // Only a strong ETag proves that the file is the same.
  const same =
    old &&
    source.ranges &&
    source.size !== null &&
    old.url === url.href &&
    source.etag !== null &&
    old.etag === source.etag &&
    old.size === source.size &&
    onDisk >= Math.max(0, ...old.segments.filter((s) => s.done > s.start).map((s) => s.done)) &&
    covers(old, source.size)
  if (!same) await discardDownload(target)
  const state = same
    ? old
    : {
        url: url.href,
        etag: source.etag,
        size: source.size,
        segments:
          source.ranges && source.size !== null
            ? segmentsOf(source.size, options.parts ?? 4, options.leastPart ?? 16 * 2 ** 20)
            : [{ start: 0, end: source.size ?? Number.MAX_SAFE_INTEGER, done: 0 }],
      }
  if (source.size !== null) {
    const missing = source.size - state.segments.reduce((sum, s) => sum + s.done - s.start, 0)
    const { bavail, bsize } = await statfs(dirname(target))
    if (bavail * bsize < missing + LEFT_FREE)
      throw fail('disk-full/download', { missing, free: bavail * bsize, folder: dirname(target) })
  }
  return state
}

function covers({ segments }: DownloadState, size: number): boolean {
  let end = 0
  for (const s of [...segments].sort((a, b) => a.start - b.start)) {
    if (s.start !== end || s.done < s.start || s.done > s.end) return false
    end = s.end
  }
  return end === size
}

/** Downloads the missing segments. Returns the size of the file in bytes. */
async function fetchAll(
  fetcher: Fetcher,
  source: Source,
  state: DownloadState,
  options: DownloadOptions,
): Promise<number> {
  const { target } = options
  const handle = await regularHandle(
    partFile(target),
    state.segments.some((s) => s.done > s.start) ? 'r+' : 'w',
  )
  const failed = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal
  const done = () => state.segments.reduce((sum, s) => sum + s.done - s.start, 0)
  let saving = Promise.resolve()
  let saved = Date.now()
  const save = async () => {
    const snapshot = structuredClone(state)
    await handle.datasync()
    await writeState(target, snapshot)
  }
  try {
    const onBytes = (): Promise<void> | undefined => {
      options.onProgress?.({ phase: 'download', done: done(), total: source.size })
      if (Date.now() - saved < 1000) return undefined
      saved = Date.now()
      return (saving = saving.then(save))
    }
    await writeState(target, state)
    const results = await Promise.allSettled(
      state.segments
        .filter((s) => s.done < s.end)
        .map((segment) =>
          fetcher.fetch(segment, source, handle, signal, onBytes).catch((error: unknown) => {
            failed.abort(error)
            throw error
          }),
        ),
    )
    await saving.catch(() => undefined)
    const first = results.filter((r) => r.status === 'rejected').map((r) => r.reason as unknown)
    if (first.length > 0) {
      if (source.ranges) await save().catch(() => undefined)
      throw failed.signal.aborted ? failed.signal.reason : first[0]
    }
    const size = source.size ?? state.segments[0]!.done
    await handle.truncate(size)
    await handle.sync()
    return size
  } finally {
    await handle.close()
  }
}

/** Returns the SHA-256 of a file in hex. Throws `cancelled` and file system errors. */
export async function hashFile(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of chunksOf(file, { signal })) hash.update(chunk)
  } catch (error) {
    if (signal?.aborted) throw fail('cancelled/download')
    throw error
  }
  return hash.digest('hex')
}
