/** (j) One model over two workers: tokens per second without and with a slow network, over those of this machine alone. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from '../../engine/lab/index.ts'
import { loadAddon, type NativeModel } from '../../engine/native/index.ts'
import { hostPort } from '../../engine/protocol/workers.ts'
import { WorkerLinks } from '../../engine/workers/index.ts'
import { Machine, Network, Proxy } from '../../test/workers/support.ts'
import {
  endless,
  makeContext,
  printTable,
  tokens,
  type BenchModel,
  type Settings,
} from './harness.ts'

const PATHS = [1, 8]
const PROMPT = 32
const DELAY_MS = 5
/** A lost packet is sent again after at least this long (Linux: TCP_RTO_MIN). */
const LOSS = { share: 0.01, ms: 200 }

export async function benchWorkers(
  model: BenchModel,
  settings: Settings,
  steps: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-bench-'))
  const addon = loadAddon({ gpu: false })
  const links = new WorkerLinks(folder, { addon: () => addon })
  const network = new Network()
  const machines = [new Machine(network, 7811), new Machine(network, 7812)]
  const proxies: Proxy[] = []
  const open = (workers?: string[]) =>
    addon.openModel({
      path: model.file,
      device: 'cpu',
      gpuLayers: workers === undefined ? 0 : -1,
      workers,
    }).done
  const over = async (workers: string[]) => {
    const { devices, release } = await links.hold(workers)
    const opened = await open(devices.map(({ name }) => name))
    const rates = await measure(opened, settings, steps)
    await opened.close()
    await release()
    return rates
  }
  try {
    const addresses: string[] = []
    for (const machine of machines) {
      const { address, code } = await machine.ready()
      await links.pair(address, code)
      addresses.push(address)
    }
    const here = await open()
    const alone = await measure(here, settings, steps)
    await here.close()
    const fast = await over(addresses)
    let slow = addresses
    const netem = network.slow(DELAY_MS, LOSS.share)
    if (!netem)
      slow = await Promise.all(
        addresses.map(async (address) => {
          const proxy = new Proxy(hostPort(address), { delayMs: DELAY_MS, loss: LOSS })
          proxies.push(proxy)
          const slowed = await proxy.start()
          links.known.set(slowed, links.known.code(address)!)
          return slowed
        }),
      )
    const delayed = await over(slow)
    const by = netem
      ? 'tc netem in a network namespace'
      : 'a proxy (tc netem is missing); a lost chunk comes 200 ms later'
    console.log(`workers: ${DELAY_MS} ms each way, ${LOSS.share * 100} % loss, by ${by}`)
    printTable(
      `${model.name}: tokens/s over two workers of one thread each on this machine`,
      ['paths', 'this machine alone', 'two workers', 'two workers, slow network', 'slow / alone'],
      PATHS.map((paths, i) => [
        String(paths),
        alone[i]!,
        fast[i]!,
        delayed[i]!,
        `${Math.round((100 * delayed[i]!) / alone[i]!)} %`,
      ]),
    )
  } finally {
    links.close()
    for (const proxy of proxies) proxy.close()
    for (const machine of machines) await machine.close()
    network.close()
    rmSync(folder, { recursive: true })
  }
}

/** Returns tokens per second for each number of paths. */
async function measure(model: NativeModel, settings: Settings, steps: number): Promise<number[]> {
  const most = Math.max(...PATHS)
  const context = await makeContext(model, settings, {
    cells: PROMPT + most * (steps + 8),
    sequences: most + 1,
  })
  const rates: number[] = []
  for (const paths of PATHS) {
    const each: number[] = []
    for (let round = 0; round < settings.rounds; round++) {
      await context.clear()
      await context.prefill({ seq: 0, tokens: tokens(model, PROMPT, 1), thought: -1 })
      for (let seq = 1; seq <= paths; seq++) await context.copy(0, seq)
      const { ms } = await context.decode({
        streams: Array.from({ length: paths }, (_, i) => endless(i + 1, steps, { thought: -1 })),
        finish: 0,
        cells: paths * steps,
        logprobs: true,
        alternatives: 0,
        onBatch: () => undefined,
      }).done
      each.push((1000 * paths * steps) / ms)
    }
    rates.push(median(each))
  }
  await context.free()
  return rates
}
