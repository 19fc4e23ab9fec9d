import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { diskError, makeFolder, ownName, readText, stateOf } from '../files/index.ts'
import { newLink } from './guard.ts'

/**
 * Files of the data folder, one per server, that only this user can read: whoever reads them may
 * open that server's page.
 */
const Running = z.object({
  port: z.int().min(1).max(65_535),
  /** Names the process that serves (engine/files/owner.ts). */
  owner: z.string().max(4096),
  key: z.base64().max(256),
})
const MAX_NOTE = 1 << 16
const DOING = 'Noting what is served'
const NAME = /^serve-\d+\.json$/

/**
 * Notes that this process serves on a port; returns what removes the note. Throws `bad-path` and
 * disk errors.
 */
export function noteRunning(folder: string, port: number, key: Buffer): () => void {
  const file = join(folder, `serve-${port}.json`)
  const note: z.infer<typeof Running> = { port, owner: ownName(), key: key.toString('base64') }
  makeFolder(folder, DOING)
  try {
    rmSync(file, { force: true })
    writeFileSync(file, JSON.stringify(note), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    throw diskError(error, DOING)
  }
  return () => rmSync(file, { force: true })
}

/**
 * Returns a new link to each server that runs on this data folder; none if there is no such folder.
 * The notes of processes that have ended are removed. Throws disk errors.
 */
export function newLinks(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => NAME.test(name))
    .flatMap((name) => {
      const file = join(folder, name)
      const { success, data } = Running.safeParse(parsed(file))
      // One that may be of another process still leads only to who has its key.
      if (success && stateOf(data.owner) !== 'dead')
        return [`http://127.0.0.1:${data.port}${newLink(Buffer.from(data.key, 'base64'))}`]
      discard(file)
      return []
    })
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw diskError(error, 'Looking for what is served')
  }
}

/** Removes a note, if it is one: a folder of this name stays. */
function discard(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // It is looked at again the next time.
  }
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readText(file, MAX_NOTE))
  } catch {
    return undefined
  }
}
