/** Kills downloads in the middle until they finish, and checks the files each time. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Random } from '../../support/random.ts'
import { bytesOf, faultServer } from './fault-server.ts'

export interface KillResult {
  right: number
  kills: number
}

/** Runs `count` downloads and kills each at up to four seeded moments. Throws if a target exists and is wrong, or never appears. */
export async function killDownloads(count: number, seed: number): Promise<KillResult> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-kill-'))
  const random = new Random(seed)
  const server = await faultServer(bytesOf(600_000, seed), { rate: 400_000 })
  const result: KillResult = { right: 0, kills: 0 }
  try {
    for (let i = 0; i < count; i++) {
      const target = join(folder, `${i}.gguf`)
      for (let round = 0; ; round++) {
        const said = await child(
          server.url,
          target,
          server.sha256,
          round < 4 ? random.int(600) : undefined,
        )
        const there = existsSync(target)
        if (there && !readFileSync(target).equals(server.content))
          throw new Error(`${target} is there and wrong after ${round} kills`)
        if (said === 'killed') result.kills++
        else if (said !== 'done' || !there) throw new Error(`after ${round} kills: ${said}`)
        if (there) {
          result.right++
          break
        }
      }
    }
    return result
  } finally {
    await server.close()
    rmSync(folder, { recursive: true })
  }
}

/** Runs download-child; kills it `after` milliseconds after its first byte. */
async function child(
  url: string,
  target: string,
  sha256: string,
  after: number | undefined,
): Promise<string> {
  const process_ = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'download-child.ts'), url, target, sha256],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let out = ''
  process_.stdout.on('data', (chunk: Buffer) => {
    if (out === '' && after !== undefined) setTimeout(() => process_.kill('SIGKILL'), after)
    out += chunk.toString()
  })
  const signal = await new Promise((resolve) =>
    process_.once('close', (_code, name) => resolve(name)),
  )
  return signal === 'SIGKILL' ? 'killed' : out.trim().split('\n').at(-1)!
}
