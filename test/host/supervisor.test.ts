import { afterEach, describe, expect, it } from 'vitest'
import { serveLine, type FromHost, type ToHost } from '../../engine/host/mux.ts'
import {
  Supervisor,
  type HostProcess,
  type SupervisorOptions,
} from '../../engine/host/supervisor.ts'
import type { Channel, HostMessage } from '../../engine/protocol/wire.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'

class FakeProcess implements HostProcess {
  readonly got: ToHost[] = []
  killed = false
  onSend: (message: ToHost) => void = () => undefined
  constructor(
    readonly first: boolean,
    readonly env: Record<string, string>,
  ) {}
  readonly #listeners: ((message: unknown) => void)[] = []
  readonly #exits: ((how: string) => void)[] = []
  send(message: ToHost): void {
    this.got.push(message)
    this.onSend(message)
    if (message.type === 'end') setImmediate(() => this.die('exit code 0'))
  }
  onMessage(listener: (message: unknown) => void): void {
    this.#listeners.push(listener)
  }
  onExit(listener: (how: string) => void): void {
    this.#exits.push(listener)
  }
  kill(): void {
    this.killed = true
    setImmediate(() => this.die('signal SIGKILL'))
  }
  say(message: FromHost | object): void {
    for (const listener of this.#listeners) listener(message)
  }
  die(how: string): void {
    for (const listener of this.#exits) listener(how)
  }
  get requests() {
    return this.got.filter((message) => message.type === 'message')
  }
}

let processes: FakeProcess[] = []
let supervisor: Supervisor | undefined
const states: string[] = []

function supervise(options: Partial<SupervisorOptions> = {}): Supervisor {
  processes = []
  states.length = 0
  supervisor = new Supervisor({
    spawn: (first, env) => {
      const one = new FakeProcess(first, env)
      processes.push(one)
      return one
    },
    onState: (state) => states.push(state),
    ...options,
  })
  return supervisor
}
function connect(): TestClient {
  const [here, there] = channelPair()
  supervisor!.connect(there)
  return new TestClient(here)
}
const last = () => processes.at(-1)!
const notices = (client: TestClient) =>
  client.pushes.filter((push) => push.kind === 'engine').map((push) => push.state)
afterEach(() => supervisor?.close(10))

describe('Supervisor', () => {
  it('passes messages both ways, each client its own', async () => {
    supervise()
    last().say({ type: 'ready' })
    const [a, b] = [connect(), connect()]
    const answers = [a.raw({ id: 1, method: 'x' }), b.raw({ id: 1, method: 'y' })]
    await until(() => last().requests.length === 2)
    for (const request of last().requests)
      last().say({
        type: 'message',
        client: request.client,
        message: { kind: 'result', id: 1, result: (request.message as { method: string }).method },
      })
    expect(await Promise.all(answers)).toEqual([
      { kind: 'result', id: 1, result: 'x' },
      { kind: 'result', id: 1, result: 'y' },
    ])
    b.close()
    await until(() => last().got.some((message) => message.type === 'close'))
  })

  it('holds requests back until the process is ready', async () => {
    supervise()
    const client = connect()
    const answer = client.raw({ id: 3, method: 'x' })
    await until(() => notices(client).includes('restarting'))
    expect(last().got).toEqual([])
    last().say({ type: 'ready' })
    await until(() => last().requests.length === 1)
    expect(last().got[0]).toMatchObject({ type: 'open' })
    last().say({ type: 'message', client: 1, message: { kind: 'result', id: 3, result: 1 } })
    expect(await answer).toMatchObject({ result: 1 })
    expect(notices(client)).toEqual(['restarting', 'up'])
  })

  it('restarts a process that dies: what was asked fails, what was answered does not, the channel ends', async () => {
    supervise()
    last().say({ type: 'ready' })
    const client = connect()
    const [answered, lost] = [
      client.raw({ id: 1, method: 'x' }),
      client.raw({ id: 2, method: 'x' }),
    ]
    await until(() => last().requests.length === 2)
    last().say({ type: 'message', client: 1, message: { kind: 'result', id: 1, result: 1 } })
    expect(await answered).toMatchObject({ kind: 'result' })
    last().die('signal SIGSEGV')
    expect(await lost).toMatchObject({ kind: 'error', error: { code: 'engine-lost' } })
    await until(() => client.closed)
    expect(client.pushes).toMatchObject([
      { kind: 'engine', state: 'restarting', message: expect.stringContaining('signal SIGSEGV') },
    ])
    expect(processes).toHaveLength(2)
    const again = connect()
    last().say({ type: 'ready' })
    await until(() => notices(again).includes('up'))
    expect(states).toEqual(['up', 'restarting', 'up'])
  })

  it('gives the hub token, which is in memory only, to the next process', async () => {
    supervise({ deaths: 9 })
    last().say({ type: 'ready' })
    for (const [token, env] of [
      ['hf_secret', { HF_TOKEN: 'hf_secret' }],
      [7, { HF_TOKEN: 'hf_secret' }],
      [null, { HF_TOKEN: '' }],
    ] as const) {
      void connect().raw({ id: 1, method: 'hub.token', params: { token } })
      await until(() => last().requests.length === 1)
      last().die('signal SIGKILL')
      last().say({ type: 'ready' })
      expect(last().env).toEqual(env)
    }
  })

  it('gives the keys of servers, which are in memory only, to the next process', async () => {
    supervise({ deaths: 9 })
    last().say({ type: 'ready' })
    const [one, other] = ['http://127.0.0.1:8080', 'https://example.org']
    for (const [server, key, keys] of [
      [one, 'a', { [one]: 'a' }],
      [other, 'b', { [one]: 'a', [other]: 'b' }],
      [other, 7, { [one]: 'a', [other]: 'b' }],
      [one, null, { [other]: 'b' }],
    ] as const) {
      void connect().raw({ id: 1, method: 'servers.key', params: { server, key } })
      await until(() => last().requests.length === 1)
      last().die('signal SIGKILL')
      last().say({ type: 'ready' })
      expect(JSON.parse(last().env.BRAID_SERVER_KEYS!)).toEqual(keys)
    }
  })

  it('stops after three deaths in the window and says so; a restart by hand works', async () => {
    supervise()
    for (let i = 0; i < 3; i++) {
      last().say({ type: 'ready' })
      last().die('signal SIGABRT')
    }
    expect(processes).toHaveLength(3)
    expect(supervisor!.state).toBe('stopped')
    const client = connect()
    await until(() => notices(client).length === 1)
    expect(client.pushes[0]).toMatchObject({
      state: 'stopped',
      message: expect.stringMatching(/3 times.*SIGABRT.*not restarted/),
    })
    expect(await client.raw({ id: 1, method: 'app.info' })).toMatchObject({
      kind: 'error',
      error: { code: 'engine-lost', message: expect.stringContaining('3 times') },
    })
    expect(await client.raw({ id: 2, method: 'engine.restart' })).toMatchObject({ kind: 'result' })
    void client.raw({ id: 3, method: 'x' }) // Waits for the engine.
    last().say({ type: 'ready' })
    await until(() => last().requests.length === 1)
    expect(notices(client)).toEqual(['stopped', 'restarting', 'up'])
    expect(processes).toHaveLength(4)
  })

  it('a process is the first one until one was ready: what a start was given is not lost with a process that died of it', () => {
    supervise()
    last().die('signal SIGKILL')
    last().say({ type: 'ready' })
    last().die('signal SIGKILL')
    expect(processes.map(({ first }) => first)).toEqual([true, true, false])
  })

  it('lets go of a client whose channel fails, and serves the others', async () => {
    supervise()
    last().say({ type: 'ready' })
    let closed = 0
    const broken = {
      send: () => {
        throw new RangeError('Invalid string length')
      },
      onMessage: () => undefined,
      onClose: () => undefined,
      close: () => void closed++,
    }
    supervisor!.connect(broken)
    const client = connect()
    const answer = client.raw({ id: 1, method: 'x' })
    await until(() => last().requests.length === 1)
    last().say({ type: 'message', client: 1, message: { kind: 'changed' } })
    expect(closed).toBe(1)
    expect(last().got.at(-1)).toEqual({ type: 'close', client: 1 })
    last().say({ type: 'message', client: 2, message: { kind: 'result', id: 1, result: 1 } })
    expect(await answer).toMatchObject({ result: 1 })
    supervisor!.connect(broken)
    last().die('signal SIGKILL') // Tells the clients.
    expect(processes).toHaveLength(2)
  })

  it('holds back no more than a little while it starts, and nothing once it has stopped', async () => {
    supervise()
    const client = connect()
    const answers = Array.from({ length: 5000 }, (_, i) => client.raw({ id: i + 1, method: 'x' }))
    expect(await answers.at(-1)).toMatchObject({ kind: 'error', error: { code: 'bad-request' } })
    last().say({ type: 'ready' })
    expect(last().requests).toHaveLength(4096)
    for (let i = 0; i < 3; i++) last().die('signal SIGABRT')
    expect(supervisor!.state).toBe('stopped')
    const late = connect()
    for (let i = 0; i < 5000; i++) void late.raw({ method: 'x' }, 0)
    expect(await late.raw({ id: 1, method: 'x' })).toMatchObject({ kind: 'error' })
    supervisor!.restart()
    last().say({ type: 'ready' })
    expect(last().got).toEqual([{ type: 'open', client: 2 }])
  })

  it('does not count a restart by hand while it is up', async () => {
    supervise()
    for (let i = 0; i < 5; i++) {
      last().say({ type: 'ready' })
      const one = last()
      supervisor!.restart()
      await until(() => one !== last())
    }
    expect(supervisor!.state).toBe('restarting')
    expect(processes).toHaveLength(6)
  })

  it('counts deaths of the window only', async () => {
    supervise({ windowMs: 30 })
    for (let i = 0; i < 5; i++) {
      last().die('x')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(supervisor!.state).toBe('restarting')
    expect(processes).toHaveLength(6)
  })

  it('kills a process that hangs, and one that never gets ready', async () => {
    supervise({ pingMs: 5 })
    last().say({ type: 'ready' })
    const first = last()
    const client = connect()
    await until(() => first.killed)
    await until(() => client.closed)
    expect(client.pushes.at(-1)).toMatchObject({ message: expect.stringContaining('hung') })
    supervise({ startMs: 10 })
    await until(() => processes[0]!.killed && processes.length >= 2)
  })

  it('leaves a process that answers pings alone', async () => {
    supervise({ pingMs: 3 })
    const one = last()
    const pings = () => one.got.filter(({ type }) => type === 'ping').length
    one.onSend = ({ type }) => {
      if (type === 'ping') one.say({ type: 'pong' })
    }
    one.say({ type: 'ready' })
    await until(() => pings() > 30) // six unanswered pings end the engine
    expect(one.killed).toBe(false)
  })

  it('says why a process ended itself', async () => {
    supervise()
    last().say({ type: 'ready' })
    const client = connect()
    last().say({ type: 'fatal', message: "The engine did not answer 'cancel' within 10 s." })
    last().die('exit code 75')
    await until(() => client.closed)
    expect((client.pushes[0] as HostMessage & { message: string }).message).toContain(
      "did not answer 'cancel'",
    )
  })

  it('bears rubbish from the process', async () => {
    supervise()
    last().say({ type: 'ready' })
    for (const rubbish of [
      { type: 'x' },
      { type: 'message', client: 99, message: {} },
      { type: 'message', client: 'a' },
      {},
    ])
      last().say(rubbish)
    expect(supervisor!.state).toBe('up')
  })
})

it('a host answers with an error if its answer is too long to be passed on', () => {
  const passed: FromHost[] = []
  let listener: (message: unknown) => void = () => undefined
  const port = {
    send: (message: FromHost) => {
      if (JSON.stringify(message).length > 1000) throw new RangeError('Invalid string length')
      passed.push(message)
    },
    onMessage: (one: typeof listener) => void (listener = one),
  }
  const serve = (channel: Channel) =>
    channel.onMessage(() => {
      channel.send({ kind: 'result', id: 5, result: 'x'.repeat(1000) })
      channel.send({ kind: 'events', run: 'r', events: ['x'.repeat(1000)] })
      channel.send({ kind: 'result', id: 6, result: 1 })
    })
  serveLine(port, serve, () => undefined)
  listener({ type: 'open', client: 1 })
  listener({ type: 'message', client: 1, message: {} })
  expect(passed.flatMap((one) => (one.type === 'message' ? [one.message] : []))).toEqual([
    { kind: 'error', id: 5, error: { code: 'out-of-range', message: expect.any(String) } },
    { kind: 'result', id: 6, result: 1 },
  ])
})
