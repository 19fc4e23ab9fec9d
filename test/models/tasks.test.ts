import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fail } from '../../engine/protocol/errors.ts'
import { errorText, runError } from '../../engine/protocol/events.ts'
import { Hub } from '../../engine/models/hub-access.ts'
import { jobs } from '../../engine/models/jobs.ts'
import { ModelRegistry } from '../../engine/models/registry.ts'
import { Tasks, type Job } from '../../engine/models/tasks.ts'
import { tinyModel } from '../support/tiny-models.ts'
import { writeHfFolder } from './convert/hf-folder.ts'
import { faultServer, type FaultServer } from './download/fault-server.ts'

const root = mkdtempSync(join(tmpdir(), 'braid-tasks-'))
afterAll(() => rmSync(root, { recursive: true }))
const gguf = tinyModel({ shape: 'qwen2', layers: 4 }).gguf
let data: string
let registry: ModelRegistry
let server: FaultServer
const open: Tasks[] = []
beforeEach(async () => {
  data = mkdtempSync(join(root, 'data-'))
  registry = new ModelRegistry(data, () => [])
  server = await faultServer(gguf)
})
afterEach(async () => {
  for (const tasks of open.splice(0)) await tasks.close()
  await server.close()
})

function start(onChange?: ConstructorParameters<typeof Tasks>[2]): Tasks {
  const tasks = new Tasks(
    join(data, 'tasks.json'),
    jobs({
      hub: new Hub(),
      registry,
      onModel: () => undefined,
      fetchBackend: () => Promise.resolve(runError(fail('unknown-device/probe-library'))),
    }),
    onChange,
  )
  open.push(tasks)
  return tasks
}
const wanted = (name: string): Job => ({
  kind: 'download',
  folder: join(data, 'models', 'm'),
  files: [{ url: `${server.origin}/${name}`, name, size: gguf.length, sha256: server.sha256 }],
})
const names = () => readdirSync(join(data, 'models', 'm')).sort()
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  expect(condition()).toBe(true)
}

describe('downloads', () => {
  it('go in turn; one that is paused lets the next go first and goes on where it was', async () => {
    server.faults = { rate: gguf.length / 3 }
    const told: string[] = []
    const tasks = start((list) => {
      for (const { name, state } of list)
        if (!told.includes(`${name} ${state}`)) told.push(`${name} ${state}`)
    })
    const [a, b] = [tasks.add('a', wanted('a.gguf')), tasks.add('b', wanted('b.gguf'))]
    expect([a.state, b.state]).toEqual(['running', 'waiting'])
    await until(() => (a.done ?? 0) > 0)
    await tasks.command(a.id, 'pause')
    expect(a.state).toBe('paused')
    server.faults = {}
    await until(() => b.state === 'done')
    expect(names().filter((name) => name.endsWith('.gguf'))).toEqual(['b.gguf'])
    const before = server.requests.length
    await tasks.command(a.id, 'resume')
    await until(() => a.state === 'done')
    expect(readFileSync(a.file!).equals(gguf)).toBe(true)
    expect(
      server.requests
        .slice(before)
        .some(({ headers }) => Number(/bytes=(\d+)/.exec(headers.range ?? '')?.[1] ?? 0) > 0),
    ).toBe(true)
    expect(told).toEqual([
      'a waiting',
      'a running',
      'b waiting',
      'a paused',
      'b running',
      'b done',
      'a done',
    ])
    expect((await registry.list()).map(({ file, origin }) => [file, origin])).toEqual([
      [a.file, 'download'],
      [b.file, 'download'],
    ])
    await tasks.command(a.id, 'clear')
    expect(tasks.list()).toEqual([b])
  })

  it('cancel leaves nothing; a failure says why and can be tried again', async () => {
    server.faults = { rate: gguf.length / 3 }
    const tasks = start()
    const a = tasks.add('a', wanted('a.gguf'))
    await until(() => (a.done ?? 0) > 0)
    await tasks.command(a.id, 'cancel')
    expect([names(), tasks.list()]).toEqual([[], []])
    server.faults = {
      alter: (bytes) => {
        bytes[10]! ^= 1
        return bytes
      },
    }
    const bad = tasks.add('a', wanted('a.gguf'))
    await until(() => bad.state === 'failed')
    expect([bad.error?.code, names()]).toEqual(['bad-model', []])
    await expect(tasks.command(bad.id, 'clear')).rejects.toMatchObject({ code: 'bad-request' })
    server.faults = {}
    await tasks.command(bad.id, 'resume')
    await until(() => bad.state === 'done')
    expect(names()).toEqual(['a.gguf'])
  })

  it('what the end of the program cut is paused at the next start, and ends right', async () => {
    server.faults = { rate: gguf.length / 3 }
    const first = start()
    const a = first.add('a', wanted('a.gguf'))
    await until(() => (a.done ?? 0) > 0)
    await first.close()
    server.faults = {}
    const second = start()
    expect(second.list()).toMatchObject([
      { id: a.id, name: 'a', kind: 'download', state: 'paused' },
    ])
    // The same request again is the same task.
    expect(second.add('a', wanted('a.gguf')).id).toBe(a.id)
    await until(() => second.list()[0]!.state === 'done')
    expect(names()).toEqual(['a.gguf'])
    expect(start().list()).toEqual([])
  })
})

it('a model that is here already is put on the list, and giving up its repeated download leaves all of its files', async () => {
  const folder = join(data, 'models', 'org--m', 'original')
  const output = join(data, 'models', 'org--m', 'm-q8_0.gguf')
  mkdirSync(folder, { recursive: true })
  for (const file of [output, join(folder, 'a.safetensors')]) writeFileSync(file, gguf)
  await registry.addDownloaded([output, join(folder, 'a.safetensors')])
  const again: Job = {
    kind: 'download',
    folder,
    files: ['a.safetensors', 'b.safetensors'].map((name) => ({
      url: `${server.origin}/${name}`,
      name,
    })),
    convert: { type: 'q8_0', output },
  }
  server.faults = { rate: gguf.length / 3 }
  const tasks = start()
  tasks.add('other', wanted('other.gguf'))
  const waiting = tasks.add('m', again)
  expect(waiting.state).toBe('waiting')
  await tasks.command(waiting.id, 'cancel')
  expect([output, join(folder, 'a.safetensors')].every((file) => existsSync(file))).toBe(true)
  await registry.remove(output)
  server.faults = {}
  const task = tasks.add('m', again)
  await until(() => task.state === 'done')
  expect(task.file).toBe(output)
  expect(server.requests.some(({ url }) => url!.includes('safetensors'))).toBe(false)
  expect(await registry.uses([join(folder, 'a.safetensors')])).toBe(true)
  await registry.remove(output, { deleteFiles: true })
  expect(readdirSync(folder)).toEqual([])
})

describe('conversions, in a process of their own', () => {
  it('make a model of the list, tell how far they are, and stop when they are told to', async () => {
    const { folder } = writeHfFolder(
      { architecture: 'qwen2', thoughts: 9, pairs: 8, released: true, dtype: 'BF16', shards: 2 },
      mkdtempSync(join(root, 'hf-')),
    )
    const output = join(data, 'models', 'made-f16.gguf')
    const tasks = start()
    const task = tasks.add('made', { kind: 'convert', folder, type: 'f16', output })
    await until(() => task.state !== 'running')
    expect(task).toMatchObject({ state: 'done', fraction: 1, file: output })
    expect(await registry.list()).toMatchObject([
      { file: output, origin: 'download', present: true },
    ])
    const stopped = tasks.add('stopped', {
      kind: 'convert',
      folder,
      type: 'q4_k_m',
      output: join(data, 'models', 'other.gguf'),
    })
    await tasks.command(stopped.id, 'cancel')
    expect(readdirSync(join(data, 'models'))).toEqual(['made-f16.gguf'])
    const outside = join(data, 'outside.gguf')
    const refused = tasks.add('outside', { kind: 'convert', folder, type: 'f16', output: outside })
    await until(() => refused.state !== 'running')
    expect(refused.error?.code).toBe('bad-path')
    expect(existsSync(outside)).toBe(false)
    const wrong = tasks.add('wrong', {
      kind: 'convert',
      folder: join(root, 'none'),
      type: 'f16',
      output: join(data, 'models', 'w.gguf'),
    })
    await until(() => wrong.state === 'failed')
    expect(errorText(wrong.error!)).toMatch(/config\.json|no folder|There is/)
    expect(existsSync(join(data, 'models', 'w.gguf'))).toBe(false)
  }, 120_000)
})

it('a GPU backend that cannot be used says why', async () => {
  const tasks = start()
  const task = tasks.add('cuda', { kind: 'backend', backend: 'cuda' })
  await until(() => task.state === 'failed')
  expect(errorText(task.error!)).toMatch(/driver is missing/)
})
