/** Stores the state of an unfinished download in a journal beside the part file. */
import { rename, rm } from 'node:fs/promises'
import { z } from 'zod'
import { MAX_OWN_FILE, readText, regularHandle } from '../../files/index.ts'

const position = z.int().min(0)
const State = z.object({
  url: z.string(),
  etag: z.string().nullable(),
  size: position.nullable(),
  /** Ranges [start, end), and how far each is on disk. */
  segments: z.array(z.object({ start: position, end: position, done: position })).max(64),
})
export type DownloadState = z.infer<typeof State>
export type Segment = DownloadState['segments'][number]

export const partFile = (target: string) => `${target}.part`
export const stateFile = (target: string) => `${target}.part.json`
/** Lock file held by the one process that works on a download. */
export const lockFile = (target: string) => `${target}.part.lock`

/** Reads the journal; returns undefined if it is missing or invalid. */
export async function readState(target: string): Promise<DownloadState | undefined> {
  try {
    return State.parse(JSON.parse(readText(stateFile(target), MAX_OWN_FILE)))
  } catch {
    return undefined
  }
}

/** Writes the journal. Call this only after the part file's bytes are on disk. */
export async function writeState(target: string, state: DownloadState): Promise<void> {
  const next = `${stateFile(target)}.next`
  const handle = await regularHandle(next, 'w')
  try {
    await handle.writeFile(JSON.stringify(state))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(next, stateFile(target))
}

/** Removes an unfinished download. */
export async function discardDownload(target: string): Promise<void> {
  for (const file of [partFile(target), stateFile(target), `${stateFile(target)}.next`])
    await rm(file, { force: true })
}

/** Splits a file into segments to download in parallel, each of at least `least` bytes. */
export function segmentsOf(size: number, parts: number, least: number): Segment[] {
  const count = Math.max(1, Math.min(parts, Math.floor(size / least)))
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor((size * i) / count)
    return { start, end: Math.floor((size * (i + 1)) / count), done: start }
  })
}
