/**
 * `npm run load:api -- [--clients 200] [--minutes 10] [--jobs 16] [--model FILE] [--seed 1]`: drives `braid api` with many clients
 * at once, some of which read slowly or leave in the middle. Prints what they got, how long they waited, and the memory of the
 * server. Fails if an answer is lost, if a request fails, or if the server does not answer at the end. Without --model, SmolLM2-135M thinks.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { Agent, request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { quantile } from '../engine/lab/index.ts'
import { smolLM2 } from '../test/support/models.ts'
import { Random } from '../test/support/random.ts'
import { startApi } from './api-process.ts'

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '200' },
    minutes: { type: 'string', default: '10' },
    jobs: { type: 'string', default: '16' },
    model: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
})
const [clients, minutes, seed] = [values.clients, values.minutes, values.seed].map(Number) as [
  number,
  number,
  number,
]
const folder = mkdtempSync(join(tmpdir(), 'braid-load-'))
const model = values.model ?? (await smolLM2())

/** What a client does with an answer. */
const HABITS = ['streams', 'streams', 'streams', 'whole', 'slow', 'leaves'] as const
type Habit = (typeof HABITS)[number]
const WAYS = ['', '', '', ':parallel-2', ':majority-3']

interface Got {
  client: number
  habit: Habit
  /** `refused`: 429. */
  end: 'whole' | 'left' | 'refused' | 'lost' | 'failed'
  /** Milliseconds to the first piece of the answer. */
  first: number
  tokens: number
  why?: string
}

const { child: server, url, key, name } = await startApi(folder, model, ['--jobs', values.jobs])
const agent = new Agent({ keepAlive: true, maxSockets: Infinity })

function ask(path: string, body?: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: url.hostname,
        port: url.port,
        path: url.pathname + path,
        method: body === undefined ? 'GET' : 'POST',
        agent,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      },
      resolve,
    )
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function one(client: number, random: Random, name: string): Promise<Got> {
  const pick = <T>(list: readonly T[]) => list[random.int(list.length)]!
  const between = (low: number, high: number) => low + random.int(high - low + 1)
  const habit = pick(HABITS)
  const began = performance.now()
  const got: Got = { client, habit, end: 'lost', first: 0, tokens: 0 }
  const response = await ask('/chat/completions', {
    model: name + pick(WAYS),
    messages: [{ role: 'user', content: `Tell me about the number ${between(1, 999)}.` }],
    max_tokens: between(8, 32),
    seed: between(0, 1_000_000),
    stream: habit !== 'whole',
    stream_options: habit === 'whole' ? undefined : { include_usage: true },
    user: `client ${client}`,
  })
  response.setEncoding('utf8')
  if (response.statusCode === 429) {
    response.resume()
    await sleep(Number(response.headers['retry-after'] ?? 1) * 1000)
    return { ...got, end: 'refused' }
  }
  let text = ''
  const leavesAfter = habit === 'leaves' ? between(1, 6) : Infinity
  let pieces = 0
  for await (const piece of response) {
    if (got.first === 0) got.first = performance.now() - began
    text += piece as string
    if (habit === 'slow') await sleep(between(20, 200))
    if (++pieces >= leavesAfter) {
      response.destroy()
      return { ...got, end: 'left' }
    }
  }
  const usage = /"completion_tokens":(\d+)/.exec(text)
  got.tokens = Number(usage?.[1] ?? 0)
  if (response.statusCode !== 200)
    return { ...got, end: 'failed', why: `${response.statusCode} ${text.slice(0, 200)}` }
  const whole = habit === 'whole' ? text.includes('"finish_reason"') : text.includes('data: [DONE]')
  return { ...got, end: whole && usage !== null ? 'whole' : 'lost', why: text.slice(-200) }
}

/** Returns the resident memory of the server and what it started, in MiB. */
function memory(): number {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,rss='], { encoding: 'utf8' }).split('\n')
  const all = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number])
  const own = new Set([server.pid!])
  for (let before = 0; before < own.size;) {
    before = own.size
    for (const [pid, parent] of all) if (own.has(parent)) own.add(pid)
  }
  return all.reduce((sum, [pid, , rss]) => sum + (own.has(pid) ? rss / 1024 : 0), 0)
}

const until = performance.now() + minutes * 60_000
const all: Got[] = []
const sizes: number[] = []

async function watch(): Promise<void> {
  while (performance.now() < until) {
    sizes.push(memory())
    console.error(`${all.length} requests, ${sizes.at(-1)!.toFixed(0)} MiB`)
    await sleep(Math.min(10_000, minutes * 3000))
  }
}

await Promise.all([
  watch(),
  ...Array.from({ length: clients }, async (_, client) => {
    const random = new Random(seed * 10_000 + client)
    await sleep(random.int(2000))
    while (performance.now() < until)
      all.push(
        await one(client, random, name).catch((error: unknown): Got => {
          const why = String(error)
          return { client, habit: 'streams', end: 'failed', first: 0, tokens: 0, why }
        }),
      )
  }),
])
const alive = (await ask('/models')).statusCode === 200
agent.destroy()
server.kill('SIGTERM')
await new Promise((resolve) => server.once('exit', resolve))

const count = (end: Got['end']) => all.filter((got) => got.end === end).length
const waits = all.filter(({ first }) => first > 0).map(({ first }) => first / 1000)
const each = Array.from(
  { length: clients },
  (_, client) => all.filter((got) => got.client === client && got.end !== 'refused').length,
)
const half = Math.ceil(sizes.length / 2)
const seconds = (share: number) => quantile(waits, share).toFixed(1)
const tokens = all.reduce((sum, got) => sum + got.tokens, 0)
console.log(`${clients} clients, ${minutes} minutes, ${values.jobs} runs at once, seed ${seed}
requests: ${all.length}; whole ${count('whole')}, left ${count('left')}, refused (429) ${count('refused')}, lost ${count('lost')}, failed ${count('failed')}
first piece after: median ${seconds(0.5)} s, 95 % ${seconds(0.95)} s, longest ${seconds(1)} s
answers per client: ${Math.min(...each)} to ${Math.max(...each)}
tokens per second, of whole answers: ${(tokens / (minutes * 60)).toFixed(1)}
memory: at most ${Math.max(...sizes.slice(0, half)).toFixed(0)} MiB in the first half, ${Math.max(...sizes.slice(half)).toFixed(0)} MiB in the second
transcripts: ${readdirSync(join(folder, 'runs')).filter((file) => file.endsWith('.jsonl')).length}`)
const wrong = all.filter(({ end }) => end === 'lost' || end === 'failed')
for (const { habit, end, why } of wrong.slice(0, 10)) console.log(`${end} (${habit}): ${why ?? ''}`)
rmSync(folder, { recursive: true, force: true })
if (!alive) console.log('The server does not answer any more.')
process.exitCode = alive && wrong.length === 0 ? 0 : 1
