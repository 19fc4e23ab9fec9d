/** (k) The API beside llama-server: tokens per second of streamed answers to 1, 4 and 16 requests at once. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from '../../engine/lab/index.ts'
import { freePort, startLlamaServer } from '../../test/support/llama-server.ts'
import { startApi } from '../api-process.ts'
import { ensureServer } from '../native/index.ts'
import { printTable, type BenchModel, type Settings } from './harness.ts'

const AT_ONCE = [1, 4, 16]
/** Cells per request of llama-server, which shares them out in equal parts. */
const CELLS = 512

interface Server {
  /** Ends with /v1. */
  url: string
  key: string
  model: string
  end(): Promise<void>
}

export async function benchServer(
  model: BenchModel,
  settings: Settings,
  steps: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-bench-'))
  const servers: Server[] = []
  try {
    // `braid api` takes the threads that it takes by itself.
    servers.push(await braid(model.file, folder))
    servers.push(await llama(model.file, settings.threads))
    const rows: (string | number)[][] = []
    for (const requests of AT_ONCE) {
      const rates = servers.map((): number[] => [])
      // The first round only warms up.
      for (let round = 0; round <= settings.rounds; round++)
        for (const [i, server] of servers.entries()) {
          const rate = await tokensPerSecond(server, requests, steps, round)
          if (round > 0) rates[i]!.push(rate)
        }
      const [own, theirs] = rates.map(median) as [number, number]
      const ratios = rates[0]!.map((rate, i) => rate / rates[1]![i]!)
      rows.push([String(requests), own, theirs, median(ratios)])
    }
    printTable(
      `${model.name}: tokens/s of requests at once, temperature 0.8, top-p 0.95, ${steps} tokens each`,
      ['requests', 'braid api', 'llama-server', 'ratio'],
      rows,
    )
  } finally {
    for (const server of servers) await server.end()
    rmSync(folder, { recursive: true })
  }
}

async function braid(file: string, folder: string): Promise<Server> {
  const { child, url, key, name } = await startApi(folder, file)
  return { url: url.href, key, model: name, end: () => ended(child) }
}

async function llama(file: string, threads: number): Promise<Server> {
  const most = Math.max(...AT_ONCE)
  const port = await freePort()
  const flags = { t: threads, np: most, c: most * CELLS, fa: 'on' }
  const child = await startLlamaServer(await ensureServer(), file, port, [
    ...Object.entries(flags).flatMap(([flag, value]) => [`-${flag}`, String(value)]),
    '--no-cache-prompt',
  ])
  return { url: `http://127.0.0.1:${port}/v1`, key: '', model: 'any', end: () => ended(child) }
}

/** Returns the tokens of all answers over the time from the first request to the end of the last answer. */
async function tokensPerSecond(
  { url, key, model }: Server,
  requests: number,
  steps: number,
  round: number,
): Promise<number> {
  const began = performance.now()
  const counts = await Promise.all(
    Array.from({ length: requests }, async (_, i) => {
      const response = await fetch(`${url}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify({
          model,
          messages: [
            { role: 'user', content: `Tell a very long story about the year ${1900 + i}.` },
          ],
          max_tokens: steps,
          temperature: 0.8,
          top_p: 0.95,
          seed: 1000 * round + i,
          stream: true,
          stream_options: { include_usage: true },
        }),
      })
      const text = await response.text()
      const used = /"completion_tokens":(\d+)/.exec(text)
      if (used === null) throw new Error(`${url} answered ${response.status}: ${text.slice(-300)}`)
      return Number(used[1])
    }),
  )
  const tokens = counts.reduce((sum, count) => sum + count, 0)
  return (1000 * tokens) / (performance.now() - began)
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
