/** Downloads through a real engine process, from a server that closes its connections, while the engine thinks. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { forkHost } from '../../../engine/cli/node-host.ts'
import { Supervisor } from '../../../engine/host/supervisor.ts'
import { eventsIn, type Task } from '../../../engine/protocol/wire.ts'
import { Random } from '../../support/random.ts'
import { channelPair, TestClient, until } from '../../support/test-client.ts'
import { tinyModel, writeTiny } from '../../support/tiny-models.ts'
import { closingServer, NAMES } from './closing-server.ts'
import { bytesOf, sha256 } from './fault-server.ts'

export interface BesideResult {
  /** Downloads that ended with the right file. */
  right: number
  /** Downloads that failed as `io` first and were resumed. */
  resumed: number
  /** Tokens that were decoded meanwhile, and runs that ended. */
  tokens: number
  runs: number
  /** Largest memory of the engine process; 0 if the system does not say. */
  peakMiB: number
}

/**
 * Runs `count` downloads, each in one of the manners, one after another. Throws if a file is wrong,
 * a download fails for another reason than `io`, or the engine process ends.
 */
export async function downloadBeside(
  count: number,
  seed: number,
  say: (line: string) => void = () => undefined,
): Promise<BesideResult> {
  const folder = mkdtempSync(join(tmpdir(), 'braid-beside-'))
  const random = new Random(seed)
  const model = writeTiny(
    tinyModel({ shape: 'qwen2', seed: 7, thoughts: 9, pairs: 8, context: 8192 }),
    folder,
  )
  // A model, padded beyond what sockets and streams hold.
  const content = Buffer.concat([readFileSync(model), bytesOf(6_000_000, seed)])
  const server = await closingServer(content)
  const result: BesideResult = { right: 0, resumed: 0, tokens: 0, runs: 0, peakMiB: 0 }
  let pid: number | undefined
  const supervisor = new Supervisor({
    spawn: () => {
      const child = forkHost({ BRAID_DATA: join(folder, 'data'), BRAID_OPEN_MODEL: '' })
      pid = child.pid
      return child
    },
    deaths: 1,
  })
  const [here, there] = channelPair()
  supervisor.connect(there)
  const client = new TestClient(here)
  let thinking = true
  try {
    const thoughts = think(client, model, random, result, () => !thinking)
    thoughts.catch(() => undefined) // reported below
    for (let i = 0; i < count; i++) {
      const manner = NAMES[i % NAMES.length]!
      // Without a length only the checksum tells a whole file from a cut one, and it is tried twice.
      const blind = manner.startsWith('none')
      const get = {
        ref: server.url(manner, i, random.int(blind ? 2 : 3)),
        ...(blind && { sha256: sha256(content) }),
      }
      try {
        let task = await finished(client, get)
        if (task.error?.code === 'io') {
          result.resumed++
          task = await finished(client, get)
        }
        if (task.state !== 'done') throw new Error(JSON.stringify(task))
        if (!readFileSync(task.file!).equals(content)) throw new Error('The file is wrong.')
        await client.call('models.remove', { file: task.file!, deleteFiles: true })
        await client.call('tasks.command', { task: task.id, command: 'clear' })
      } catch (error) {
        throw new Error(`Download ${i} (${manner})`, { cause: error })
      }
      client.pushes.length = 0
      result.right++
      if (result.right % 50 === 0) say(JSON.stringify(result))
    }
    thinking = false
    await thoughts
    result.peakMiB = peakMiB(pid)
    return result
  } finally {
    await supervisor.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Starts or resumes a download and waits until it no longer runs. */
async function finished(client: TestClient, get: { ref: string; sha256?: string }): Promise<Task> {
  const { id } = await client.call('models.get', get)
  let task: Task | undefined
  await until(async () => {
    task = (await client.call('tasks.list', {})).find((one) => one.id === id)
    return task?.state !== 'waiting' && task?.state !== 'running'
  }, 'the download')
  return task!
}

/** Runs the model again and again until `stop` says so; counts runs and tokens. */
async function think(
  client: TestClient,
  model: string,
  random: Random,
  result: BesideResult,
  stop: () => boolean,
): Promise<void> {
  let ended = false
  client.onPush((push) => {
    if (push.kind !== 'events' && push.kind !== 'backlog') return
    for (const event of eventsIn(push)) {
      if (event.type === 'tokens') result.tokens += event.tokens.length
      if (event.type === 'run-failed') throw new Error(JSON.stringify(event.error))
      if (event.type === 'run-ended') ended = true
    }
  })
  while (!stop()) {
    ended = false
    const { run } = await client.call('run.start', {
      request: {
        problem: 'Go on and on.',
        model,
        settings: {
          paths: 4,
          budget: 1900,
          summaryBudget: 8,
          finish: 'last',
          seed: random.int(2 ** 31),
          engine: { threads: 1 },
        },
      },
    })
    await client.call('run.open', { run })
    await until(() => ended || stop() || client.closed, 'the run', 600_000)
    if (!ended) return
    result.runs++
    await client.call('run.close', { run })
    await client.call('runs.delete', { run })
  }
}

function peakMiB(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024)
  } catch {
    return 0
  }
}
