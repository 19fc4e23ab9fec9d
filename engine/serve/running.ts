import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { newLink } from './guard.ts'

/**
 * Files of the data folder, one per server, that only this user can read: whoever reads them may
 * open that server's page.
 */
const Running = z.object({ port: z.int().min(1).max(65_535), pid: z.int().min(1), key: z.base64() })
const NAME = /^serve-\d+\.json$/

/** Notes that this process serves on a port; returns what removes the note. */
export function noteRunning(folder: string, port: number, key: Buffer): () => void {
  const file = join(folder, `serve-${port}.json`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  rmSync(file, { force: true })
  const note: z.infer<typeof Running> = { port, pid: process.pid, key: key.toString('base64') }
  writeFileSync(file, JSON.stringify(note), { mode: 0o600, flag: 'wx' })
  return () => rmSync(file, { force: true })
}

/** Returns a new link to each server that runs on this data folder. */
export function newLinks(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => NAME.test(name))
    .flatMap((name) => {
      const file = join(folder, name)
      const { success, data } = Running.safeParse(parsed(file))
      if (success && isAlive(data.pid))
        return [`http://127.0.0.1:${data.port}${newLink(Buffer.from(data.key, 'base64'))}`]
      rmSync(file, { force: true })
      return []
    })
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
