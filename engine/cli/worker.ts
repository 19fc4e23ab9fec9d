import { Option, type Command } from 'commander'
import { Devices } from '../devices/index.ts'
import { systemFree } from '../models/index.ts'
import { addressText, hostPort, WORKER_PORT, type WorkerDevice } from '../protocol/workers.ts'
import { size } from '../transcripts/export/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { newCode, ownCode, reach, Worker, type Reach } from '../workers/index.ts'
import { integer, print, say, UsageError } from './usage.ts'

interface WorkerFlags {
  listen: string
  device?: string
  threads?: number
  newCode?: boolean
}

export function addWorker(program: Command): void {
  program
    .command('worker')
    .description('lend the memory and the processors of this machine to Braid on other machines')
    .option(
      '--listen <address>',
      `ADDRESS or ADDRESS:PORT to listen on (port: ${WORKER_PORT}); 0.0.0.0: every network of this machine`,
      '127.0.0.1',
    )
    .option('--device <name>', 'a name from `braid devices`, or cpu (default: every GPU, else cpu)')
    .option('--threads <n>', 'CPU threads (default: half of the processors)', integer(1, 512))
    .addOption(new Option('--new-code', 'replace the pairing code: the old one opens nothing'))
    .action(runWorker)
}

const REACH: Record<Reach, string> = {
  'no-network':
    'The RPC servers have no network; only this program reaches them, over a Unix socket.',
  'own-user': 'Only programs of this user reach the RPC servers, over a Unix socket.',
  'any-user':
    'Warning: while a model computes here, its RPC server is open to every user of this machine, on a port of 127.0.0.1.',
}

/** Lends this machine until Ctrl-C. */
async function runWorker(flags: WorkerFlags): Promise<void> {
  const folder = dataFolder()
  const listen = hostPort(flags.listen)
  const found = await chosen(new Devices(folder), flags.device)
  if (flags.newCode === true) newCode(folder)
  const { code, file, made } = ownCode(folder)
  const worker = await Worker.start({
    listen,
    code,
    devices: found.devices,
    server: { devices: found.names, backend: found.backend, threads: flags.threads },
    onEvent: say,
  })
  await print(`Braid worker: ${addressText(worker.address)}\n`)
  for (const { name, description, memoryFree } of await found.devices())
    say(`${name}: ${description}, ${size(memoryFree)} free`)
  await print(
    made || flags.newCode === true
      ? `Pairing code: ${code}\nIt is shown once and kept in ${file}.\n`
      : `Pairing code: in ${file}\n`,
  )
  say(REACH[await reach()])
  if (listen.host === '127.0.0.1')
    say('Only this machine can connect. To lend it to others, give --listen 0.0.0.0.')
  await new Promise<void>((stop) => {
    process.once('SIGINT', () => stop())
    process.once('SIGTERM', () => stop())
  })
  await worker.close()
}

interface Chosen {
  /** Names for the RPC server; none: the CPU. */
  names: string[]
  backend: string | undefined
  devices: () => Promise<WorkerDevice[]>
}

/** Returns the devices to lend: GPUs of one backend, since a server loads one, or the CPU. */
async function chosen(devices: Devices, asked: string | undefined): Promise<Chosen> {
  const all = await devices.list()
  const gpus = all.filter(({ type }) => type === 'gpu' || type === 'igpu')
  const cpu = asked?.toLowerCase() === 'cpu'
  const first = asked === undefined ? gpus[0] : gpus.find(({ name }) => name === asked)
  if (asked !== undefined && !cpu && first === undefined)
    throw new UsageError(`--device ${asked}: \`braid devices\` lists no such device.`)
  if (cpu || first === undefined)
    return {
      names: [],
      backend: undefined,
      devices: async () => {
        const own = (await devices.list()).find(({ type }) => type === 'cpu')
        const { description = '', memoryTotal = 0 } = own ?? {}
        return [{ name: 'CPU', description, memoryFree: systemFree(), memoryTotal }]
      },
    }
  const names = gpus
    .filter(({ name, backend }) =>
      asked === undefined ? backend === first.backend : name === asked,
    )
    .map(({ name }) => name)
  return {
    names,
    backend: await devices.libraryOf(first.backend),
    devices: async () =>
      (await devices.list())
        .filter(({ name }) => names.includes(name))
        .map(({ name, description, memoryFree, memoryTotal }) => ({
          name,
          description,
          memoryFree,
          memoryTotal,
        })),
  }
}
