import { resolve } from 'node:path'
import type { Command } from 'commander'
import { apiKey, newKey } from '../api/index.ts'
import { makeFolder } from '../files/index.ts'
import { Supervisor } from '../host/index.ts'
import { API_PORT, MAX_JOBS, type ApiSettings, type ApiStatus } from '../protocol/api.ts'
import { channelPair } from '../protocol/channel-pair.ts'
import { Client } from '../protocol/client.ts'
import { BraidError } from '../protocol/errors.ts'
import { dataFolder } from '../transcripts/index.ts'
import { forkHost } from './node-host.ts'
import { integer, print, say } from './usage.ts'

interface ApiFlags {
  model?: string
  port: number
  host: string
  name: string[]
  origin: string[]
  jobs: number
  key: boolean
  newKey?: boolean
}

export function addApi(program: Command): void {
  program
    .command('api')
    .description("serve the models of Braid's list to clients of OpenAI's API (docs/api.md)")
    .option('-m, --model <file>', 'GGUF file to add to the list')
    .option('--port <n>', 'port to listen on; 0: any free port', integer(0, 65_535), API_PORT)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--name <name...>', 'further names by which clients reach it', [])
    .option('--origin <origin...>', 'origins whose web pages may use it', [])
    .option('--jobs <n>', 'runs at once', integer(1, MAX_JOBS), 16)
    .option('--no-key', 'let every program of this machine use it, without a key')
    .option('--new-key', 'replace the key')
    .action(runApi)
}

/** Serves until Ctrl-C. */
async function runApi({ model, newKey: replace, ...flags }: ApiFlags): Promise<void> {
  const { name: names, origin: origins, ...rest } = flags
  const settings: ApiSettings = { ...rest, names, origins }
  const { readModelInfo } = await import('../models/index.ts')
  const file = model === undefined ? undefined : (await readModelInfo(resolve(model))).file
  const folder = dataFolder()
  makeFolder(folder, 'Creating the data folder')
  if (replace === true) newKey(folder)
  const key = settings.key ? apiKey(folder) : null
  const supervisor = new Supervisor({
    spawn: (first, env) =>
      forkHost({
        BRAID_OPEN_MODEL: first ? file : '',
        BRAID_API: JSON.stringify(settings),
        ...env,
      }),
    onState: (state, message) => state !== 'up' && say(message),
  })
  try {
    const { state, url, message } = await started(supervisor)
    if (state === 'failed') throw new BraidError('io', message ?? 'The API could not be started.')
    await print(`Braid API: ${url}\n`)
    if (key !== null)
      await print(
        key.made || replace === true
          ? `API key: ${key.key}\nIt is shown once and kept in ${key.file}.\n`
          : `API key: in ${key.file}\n`,
      )
    await new Promise<void>((stop) => {
      process.once('SIGINT', () => stop())
      process.once('SIGTERM', () => stop())
    })
  } finally {
    await supervisor.close()
  }
}

/** Returns how the start of the server ended. */
async function started(supervisor: Supervisor): Promise<ApiStatus> {
  const [here, there] = channelPair()
  supervisor.connect(there)
  const client = new Client(here)
  try {
    const status = () => client.call('api.status', {})
    const changed = () =>
      new Promise<void>((resolve) =>
        client.onPush((push) => {
          if (push.kind === 'changed' && push.what === 'api') resolve()
        }),
      )
    for (let change = changed(); ; change = changed()) {
      const now = await status()
      if (now.state === 'on' || now.state === 'failed') return now
      await change
    }
  } finally {
    client.close()
  }
}
