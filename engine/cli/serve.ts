import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { forkHost } from './node-host.ts'
import { makeFolder } from '../files/index.ts'
import { forwardFile, newLinks, noteRunning, serve } from '../serve/index.ts'
import { Supervisor } from '../host/index.ts'
import { packageFolder } from '../programs/index.ts'
import { BraidError } from '../protocol/errors.ts'
import { dataFolder } from '../transcripts/index.ts'
import { integer, print, say } from './usage.ts'

interface ServeFlags {
  model?: string
  port: number
  open: boolean
  link?: boolean
}

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('open the workbench in a browser on this machine')
    .option('-m, --model <file>', 'GGUF file to start with')
    .option('--port <n>', 'port to listen on; 0: any free port', integer(0, 65_535), 0)
    .option('--no-open', 'only print a link, for one use within a minute')
    .option('--link', 'print a new link to each workbench that is being served')
    .action((flags: ServeFlags) => (flags.link === true ? printLinks() : runServer(flags)))
}

async function printLinks(): Promise<void> {
  const links = newLinks(dataFolder())
  if (links.length === 0)
    throw new BraidError(
      'bad-request',
      'No workbench is being served. Start one with `braid serve`.',
    )
  for (const link of links) await print(`Braid: ${link}\n`)
}

/** Serves until Ctrl-C. */
async function runServer({ model, port, open: show }: ServeFlags): Promise<void> {
  makeFolder(dataFolder(), 'Creating the data folder')
  const { readModelInfo } = await import('../models/index.ts')
  const file = model === undefined ? undefined : (await readModelInfo(resolve(model))).file
  const supervisor = new Supervisor({
    // A later process uses the model that the user has chosen since.
    spawn: (first, env) => forkHost({ BRAID_OPEN_MODEL: first ? file : '', ...env }),
    onState: (state, message) => state !== 'up' && say(message),
  })
  const ends: (() => unknown)[] = [() => supervisor.close()]
  try {
    const served = await serve({
      root: join(packageFolder(), 'dist', 'renderer'),
      port,
      connect: (channel) => supervisor.connect(channel),
    })
    ends.unshift(() => served.close())
    ends.unshift(noteRunning(dataFolder(), served.port, served.key))
    const page = show ? forwardFile(served.link()) : null
    if (page === null) await print(`Braid: ${served.link()}\n`)
    else {
      ends.unshift(page.remove)
      await print(`Braid: http://127.0.0.1:${served.port}\n`)
      say('It opens in your browser. If it does not, `braid serve --link` prints a link.')
      await (await import('open')).default(page.file).then(
        (child) => child.on('error', () => undefined),
        () => undefined,
      )
    }
    await new Promise<void>((stop) => {
      process.once('SIGINT', () => stop())
      process.once('SIGTERM', () => stop())
    })
  } finally {
    for (const end of ends) await end()
  }
}
