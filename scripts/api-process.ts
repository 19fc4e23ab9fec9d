import { spawn, type ChildProcess } from 'node:child_process'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ApiProcess {
  child: ChildProcess
  /** Ends with /v1. */
  url: URL
  key: string
  /** The model's name for clients; the bundled model is listed, too. */
  name: string
}

/** Starts `braid api` with a data folder, and returns where it listens and its key. */
export async function startApi(
  data: string,
  model: string,
  flags: readonly string[] = [],
): Promise<ApiProcess> {
  const child = spawn(
    process.execPath,
    ['scripts/braid.mjs', 'api', '--model', model, '--port', '0', ...flags],
    { env: { ...process.env, BRAID_DATA: data }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  while (!said.includes('API key: ')) {
    if (child.exitCode !== null) throw new Error(`braid api ended with ${child.exitCode}.`)
    await sleep(50)
  }
  const [, url] = /Braid API: (\S+)/.exec(said)!
  const key = /API key: (\S+)/.exec(said)![1]!
  return { child, url: new URL(url!), key, name: basename(model, '.gguf') }
}
