import { expect, test, vi } from 'vitest'
import type { Channel } from '../../engine/protocol/wire.ts'
import { Client, Connection, parseHostMessage } from '../../engine/protocol/client.ts'

const info = { version: '1', llama: 'v', dataFolder: '/data', bundledModel: null }

function line() {
  const sent: { id: number; method: string }[] = []
  let receive: (message: unknown) => void = () => undefined
  let gone: () => void = () => undefined
  const channel: Channel = {
    send: (message) => void sent.push(message as never),
    onMessage: (listener) => (receive = listener),
    onClose: (listener) => (gone = listener),
    close: () => gone(),
  }
  return { channel, sent, receive: (message: unknown) => receive(message), drop: () => gone() }
}

test('answers find their question, errors keep their code', async () => {
  const one = line()
  const client = new Connection(async () => one.channel)
  await client.start()
  const [a, b] = [client.call('app.info', {}), client.call('run.open', { run: 'x' })]
  one.receive({
    kind: 'error',
    id: one.sent[1]!.id,
    error: { code: 'no-such-run', message: 'There is no run x.' },
  })
  one.receive({ kind: 'result', id: one.sent[0]!.id, result: info })
  await expect(a).resolves.toEqual(info)
  await expect(b).rejects.toMatchObject({ code: 'no-such-run' })
})

test('an answer that is not the result of its method is an error', async () => {
  const one = line()
  const client = new Client(one.channel)
  const answers = [client.call('app.info', {}), client.call('runs.list', {})]
  one.receive({ kind: 'result', id: one.sent[0]!.id, result: { version: 1 } })
  one.receive({ kind: 'result', id: one.sent[1]!.id, result: [{ run: 'x' }] })
  for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'internal' })
})

test('a connection that is given up while it connects closes its channel, and connects no more', async () => {
  const one = line()
  let closed = false
  one.channel.onClose(() => (closed = true))
  let connects = 0
  const client = new Connection(async () => {
    connects++
    return one.channel
  })
  const started = client.start()
  client.close()
  await started
  await client.start()
  expect([closed, connects, client.state]).toEqual([true, 1, 'closed'])
})

test('a lost channel fails what was pending and connects again by itself', async () => {
  vi.useFakeTimers()
  const lines = [line(), line()]
  let connects = 0
  const client = new Connection(async () => {
    if (connects === 1) {
      connects++
      throw new Error('not yet')
    }
    return lines[connects++ === 0 ? 0 : 1]!.channel
  })
  const states: string[] = []
  client.onState((state) => states.push(state))
  await client.start()
  const pending = client.call('runs.list', {})
  lines[0]!.drop()
  await expect(pending).rejects.toMatchObject({ code: 'engine-lost' })
  await expect(client.call('runs.list', {})).rejects.toMatchObject({ code: 'engine-lost' })
  await vi.advanceTimersByTimeAsync(5000)
  expect(states).toEqual(['open', 'lost', 'open'])
  void client.call('runs.list', {})
  expect(lines[1]!.sent).toHaveLength(1)
  vi.useRealTimers()
})

test('what is not a message of the host is dropped', () => {
  for (const bad of [
    null,
    1,
    'x',
    {},
    { kind: 'events', run: 'x', events: [{}] },
    { kind: 'events', run: 'x', events: [null] },
    { kind: 'events', events: [] },
    { kind: 'backlog', run: 'x', events: [], start: true },
    { kind: 'backlog', run: 'x', events: '[]' },
    { kind: 'result' },
    { kind: 'progress', task: 1 },
    { kind: 'other' },
  ])
    expect(parseHostMessage(bad)).toBeNull()
  expect(
    parseHostMessage({
      kind: 'events',
      run: 'x',
      events: [{ type: 'notice', at: 1, code: 'a', message: 'b' }],
    }),
  ).not.toBeNull()
})
