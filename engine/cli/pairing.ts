import { createInterface } from 'node:readline/promises'
import { fail, toBraidError } from '../protocol/errors.ts'
import { loadAddon } from '../native/index.ts'
import type { WorkerDevice } from '../protocol/workers.ts'
import { dataFolder } from '../transcripts/index.ts'
import { WorkerLinks } from '../workers/index.ts'
import { say } from './usage.ts'

const TRIES = 3

/**
 * Asks for the pairing codes of workers that this machine does not know, and keeps them:
 * BRAID_WORKER_CODE, else the user in a terminal. Errors: `bad-request`, `io`, `bad-combination`.
 */
export async function pairNew(workers: readonly string[]): Promise<void> {
  const links = new WorkerLinks(dataFolder(), { addon: () => loadAddon({ gpu: false }) })
  try {
    for (const worker of workers)
      if (links.known.code(worker) === undefined) await pairOne(links, worker)
  } finally {
    links.close()
  }
}

/** Returns the devices of workers that this machine is paired with. Errors: those of `pairNew`. */
export async function workerDevices(workers: readonly string[]): Promise<WorkerDevice[]> {
  const links = new WorkerLinks(dataFolder(), { addon: () => loadAddon({ gpu: false }) })
  return links.devices(workers).finally(() => links.close())
}

async function pairOne(links: WorkerLinks, worker: string): Promise<void> {
  const given = process.env.BRAID_WORKER_CODE ?? ''
  if (given !== '') return void (await links.pair(worker, given))
  if (!process.stdin.isTTY) throw fail('bad-request/worker-no-code', { worker })
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    for (let left = TRIES - 1; ; left--) {
      const code = await lines.question(`Pairing code of ${worker}: `)
      try {
        await links.pair(worker, code)
        return say(`Paired with ${worker}.`)
      } catch (error) {
        const { code: kind, message } = toBraidError(error)
        if (kind !== 'bad-request' || left === 0) throw error
        say(message)
      }
    }
  } finally {
    lines.close()
  }
}
