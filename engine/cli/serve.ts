import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { forkHost } from './node-host.ts'
import { serve } from '../serve/index.ts'
import { Supervisor } from '../host/index.ts'
import { packageFolder } from '../programs/index.ts'
import { integer, print, say } from './usage.ts'

interface ServeFlags {
  model?: string
  port: number
  open: boolean
}

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('open the workbench in a browser on this machine')
    .option('-m, --model <file>', 'GGUF file to start with')
    .option('--port <n>', 'port to listen on; 0: any free port', integer(0, 65_535), 0)
    .option('--no-open', 'only print the address')
    .action(runServer)
}

/** Serves until Ctrl-C. */
async function runServer({ model, port, open: show }: ServeFlags): Promise<void> {
  const { readModelInfo } = await import('../models/index.ts')
  const file = model === undefined ? undefined : (await readModelInfo(resolve(model))).file
  const supervisor = new Supervisor({
    // A later process uses the model that the user has chosen since.
    spawn: (first, env) => forkHost({ BRAID_OPEN_MODEL: first ? file : '', ...env }),
    onState: (state, message) => state !== 'up' && say(message),
  })
  const served = await serve({
    root: join(packageFolder(), 'dist', 'renderer'),
    port,
    connect: (channel) => supervisor.connect(channel),
  }).catch(async (error: unknown) => {
    await supervisor.close()
    throw error
  })
  await print(`Braid: ${served.url}\n`)
  if (show)
    await (await import('open')).default(served.url).then(
      (child) => child.on('error', () => undefined),
      () => undefined,
    ) // If no browser can be opened, the user has the printed address.
  await new Promise<void>((stop) => {
    process.once('SIGINT', () => stop())
    process.once('SIGTERM', () => stop())
  })
  await served.close()
  await supervisor.close()
}
