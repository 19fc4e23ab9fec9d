/**
 * Fetches parts of one file over HTTP: checks that all ranges are from the same file, and handles
 * stalls, waits and retries.
 */
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { BraidError, fail } from '../../protocol/errors.ts'
import { headerOf, type Answer, type Net } from './net.ts'
import { netError, networkReason, statusError } from './net-errors.ts'
import type { Segment } from './state.ts'

export interface Source {
  size: number | null
  /** The strong ETag; null if there is none. */
  etag: string | null
  ranges: boolean
  /** SHA-256 that the server publishes for the file. */
  sha256?: string
}
interface Patience {
  stallMs: number
  retryMs: number
  tries: number
}

/** Thrown if the file at the address is no longer the one whose download began. */
export class FileChanged extends BraidError {
  constructor() {
    super('io', 'The file changed on the server while it was being downloaded.')
  }
}

/** A temporary failure: retrying may succeed. */
class Passing extends Error {
  readonly waitMs: number
  constructor(message: string, waitMs = 0) {
    super(message)
    this.waitMs = waitMs
  }
}

const MAX_WAIT_MS = 5 * 60_000
const RANGE = /^bytes (\d+)-(\d+)\/(\d+|\*)$/

export class Fetcher {
  readonly #net: Net
  readonly #url: URL
  readonly #patience: Patience

  constructor(net: Net, url: URL, patience: Patience) {
    this.#net = net
    this.#url = url
    this.#patience = patience
  }

  /**
   * Returns what the server has. Requests a one-byte range, because not every server answers HEAD.
   */
  async probe(signal?: AbortSignal): Promise<Source> {
    return await this.#patiently(
      signal,
      () => false,
      async (attempt) => {
        const answer = await this.#net.get(this.#url, { range: 'bytes=0-0' }, attempt)
        answer.body.destroy()
        const ranged =
          answer.status === 206 ? RANGE.exec(headerOf(answer.headers, 'content-range') ?? '') : null
        // An empty file has no first byte, so the server answers 416.
        if (answer.status !== 200 && answer.status !== 416 && !ranged) throw this.#failure(answer)
        if (answer.status === 416) return { size: null, etag: null, ranges: false }
        const length = ranged ? ranged[3]! : headerOf(answer.headers, 'content-length')
        const size = length === undefined || length === '*' ? null : Number(length)
        return {
          size: size !== null && Number.isSafeInteger(size) && size >= 0 ? size : null,
          etag: strongEtag(answer),
          ranges: ranged !== null && size !== null,
          sha256: linkedSha256(answer),
        }
      },
    )
  }

  /**
   * Fetches a segment into the file, starting at `done`. Calls `onBytes` after each piece that is
   * written.
   */
  async fetch(
    segment: Segment,
    source: Source,
    file: FileHandle,
    signal: AbortSignal,
    onBytes: () => Promise<void> | undefined,
  ): Promise<void> {
    let before = segment.done
    const progressed = () => {
      const moved = segment.done > before
      before = segment.done
      return moved
    }
    await this.#patiently(signal, progressed, async (attempt, alive) => {
      if (!source.ranges) segment.done = segment.start
      if (segment.done >= segment.end) return
      const headers: Record<string, string> = source.ranges
        ? {
            range: `bytes=${segment.done}-${segment.end - 1}`,
            ...(source.etag !== null && { 'if-range': source.etag }),
          }
        : {}
      const answer = await this.#net.get(this.#url, headers, attempt)
      if (source.ranges) this.#checkRange(answer, segment, source)
      else if (answer.status !== 200) throw this.#failure(answer)
      const declared = source.ranges
        ? segment.end - segment.done
        : Number(headerOf(answer.headers, 'content-length') ?? NaN)
      if (!source.ranges && source.size !== null && declared !== source.size)
        throw new FileChanged()
      for await (const chunk of answer.body) {
        alive()
        const bytes = chunk as Buffer
        if (segment.done + bytes.length > segment.end)
          throw new Passing('The server sent more than was requested.')
        let written = 0
        while (written < bytes.length)
          written += (
            await file.write(bytes, written, bytes.length - written, segment.done + written)
          ).bytesWritten
        segment.done += bytes.length
        await onBytes()
      }
      if (source.size === null) segment.end = segment.done
      if (segment.done < segment.end)
        throw new Passing('The server closed the connection too early.')
    })
  }

  #checkRange(answer: Answer, segment: Segment, source: Source): void {
    if (answer.status === 200 || answer.status === 416) {
      answer.body.destroy()
      throw new FileChanged()
    }
    if (answer.status !== 206) throw this.#failure(answer)
    const range = RANGE.exec(headerOf(answer.headers, 'content-range') ?? '')
    const etag = strongEtag(answer)
    if (
      !range ||
      Number(range[1]) !== segment.done ||
      (range[3] !== '*' && Number(range[3]) !== source.size) ||
      etag !== source.etag
    ) {
      answer.body.destroy()
      throw new FileChanged()
    }
  }

  #failure(answer: Answer): Error {
    answer.body.destroy()
    const { status } = answer
    if (status !== 408 && status !== 429 && status < 500) return statusError(status, this.#url)
    const after = headerOf(answer.headers, 'retry-after')
    const waitMs =
      after === undefined
        ? 0
        : /^\d+$/.test(after)
          ? Number(after) * 1000
          : Date.parse(after) - Date.now()
    return new Passing(
      `${this.#url.hostname} answered ${status}.`,
      Number.isFinite(waitMs) ? Math.max(0, waitMs) : 0,
    )
  }

  /** Tries until it succeeds, fails for good, or `tries` times nothing moved. */
  async #patiently<T>(
    signal: AbortSignal | undefined,
    progressed: () => boolean,
    work: (attempt: AbortSignal, alive: () => void) => Promise<T>,
  ): Promise<T> {
    const { stallMs, retryMs, tries } = this.#patience
    for (let fruitless = 0; ;) {
      const stalled = new AbortController()
      let timer = setTimeout(() => stalled.abort(new Passing('No data arrived.')), stallMs)
      const alive = () => {
        clearTimeout(timer)
        timer = setTimeout(() => stalled.abort(new Passing('No data arrived.')), stallMs)
      }
      let failure: unknown
      try {
        return await work(
          signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal,
          alive,
        )
      } catch (error) {
        failure = stalled.signal.aborted && !signal?.aborted ? stalled.signal.reason : error
      } finally {
        clearTimeout(timer)
      }
      if (signal?.aborted) throw netError(failure, this.#url, signal)
      if (!(failure instanceof Passing) && !isNetwork(failure)) throw failure
      fruitless = progressed() ? 1 : fruitless + 1
      if (fruitless >= tries)
        throw fail(
          'io/download-failed',
          { reason: networkReason(failure), tries },
          { cause: failure },
        )
      const wait = Math.min(
        MAX_WAIT_MS,
        Math.max(failure instanceof Passing ? failure.waitMs : 0, retryMs * 2 ** (fruitless - 1)),
      )
      await sleep(wait, undefined, { signal }).catch(() => {
        throw netError(failure, this.#url, signal)
      })
    }
  }
}

/** Returns whether the connection failed, rather than the disk or the request itself. */
function isNetwork(error: unknown): boolean {
  if (error instanceof BraidError)
    return error.code === 'io' && !(error instanceof FileChanged) && error.cause !== undefined
  const code = String((error as { code?: unknown }).code ?? '')
  return (
    code.startsWith('HPE_') || // invalid HTTP
    /^(ECONN|EPIPE|EPROTO|ETIMEDOUT|ENET|EHOST|EAI_AGAIN|ENOTFOUND)/.test(code)
  )
}

function strongEtag(answer: Answer): string | null {
  const etag = headerOf(answer.headers, 'etag')
  return etag !== undefined && etag.startsWith('"') && etag.length < 1024 ? etag : null
}

/** Returns the SHA-256 that Hugging Face sends for large files in its first response. */
function linkedSha256({ first }: Answer): string | undefined {
  return /^"?([0-9a-f]{64})"?$/.exec(headerOf(first, 'x-linked-etag') ?? '')?.[1]
}
