import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { fetchable, fetchBackend, fetchedLibraries } from '../../engine/devices/fetch.ts'
import { errorText } from '../../engine/protocol/events.ts'
import { HardwareMeter } from '../../engine/devices/hardware.ts'
import { platformPackages, readPin, type Pin } from '../../engine/devices/packages.ts'
import { probe } from '../../engine/devices/probe.ts'

const root = mkdtempSync(join(tmpdir(), 'braid-devices-'))
afterAll(() => rmSync(root, { recursive: true }))

const library = { backend: 'vulkan', file: '/lib/pretended.so' }
/** Makes a driver that behaves in this way when it is tried. */
const driver = (code: string) => (): ChildProcess =>
  spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'pipe'] })
const device = {
  name: 'Vulkan0',
  description: 'd',
  backend: 'Vulkan',
  type: 'gpu',
  memoryFree: 1,
  memoryTotal: 2,
}
const answer = (more: object) => JSON.stringify({ loaded: true, devices: [device], ...more })

describe('a backend is tried in a process of its own', () => {
  it.each([
    ['crashes', `process.kill(process.pid, 'SIGSEGV')`, /signal SIGSEGV/],
    [
      'aborts with a word',
      `console.error('vk: no device lost'); process.abort()`,
      /signal SIGABRT.*|exit code/,
    ],
    [
      'is older than its kernels',
      `console.error('ggml-cuda.cu:108: CUDA error: the provided PTX was compiled with an unsupported toolchain.'); process.kill(process.pid, 'SIGABRT')`,
      /SIGABRT.*unsupported toolchain.*newer GPU driver.*CUDA 12|exit code/,
    ],
    [
      'computes wrongly',
      `console.log('${answer({ wrong: 'Vulkan0' })}')`,
      /Vulkan0 does not compute/,
    ],
    ['exits', `process.exit(3)`, /exit code 3/],
    ['hangs', `setInterval(() => {}, 1000)`, /did not answer within 0\.4 s/],
    ['says nothing', ``, /not understood/],
    [
      'has no driver',
      `console.log('${answer({ loaded: false, devices: [] })}')`,
      /driver is missing/,
    ],
    ['finds no device', `console.log('${answer({ devices: [] })}')`, /No usable device/],
    ['floods its output', `for (let i = 0; i < 3e5; i++) console.log('xxxxxxxxxxxxxxxxxxxx')`, /./],
  ])('one that %s is skipped, with the reason', async (_, code, reason) => {
    const limitMs = reason.source.includes('0\\.4') ? 400 : 15_000
    const found = await probe(library, { spawn: driver(code), limitMs })
    expect(errorText(found.reason!)).toMatch(reason)
  })

  it('one that works is let in, whatever it prints before', async () => {
    expect(
      await probe(library, {
        spawn: driver(`console.log('WARNING: mesa'); console.log('${answer({})}')`),
      }),
    ).toEqual({ library, devices: [device] })
  })

  it('a file that is not a library is skipped by the real program', async () => {
    const file = join(root, 'libggml-vulkan.so')
    writeFileSync(file, 'no library')
    expect((await probe({ backend: 'vulkan', file })).reason).toMatchObject({
      detail: 'unknown-device/probe-library',
    })
  })
})

describe('a backend that is fetched', () => {
  const NAME = platformPackages['linux-x64']!.vulkan!
  afterEach(() => {
    delete process.env.npm_config_registry
  })

  /** Serves a registry with one archive; returns the pin of that archive. */
  async function registry(): Promise<{ pin: Pin; asked: string[]; close: () => void }> {
    const folder = mkdtempSync(join(root, 'package-'))
    mkdirSync(join(folder, 'package', 'bins', 'linux-x64-vulkan'), { recursive: true })
    writeFileSync(
      join(folder, 'package', 'bins', 'linux-x64-vulkan', 'libggml-vulkan.so'),
      'a library',
    )
    execFileSync('tar', ['-czf', join(folder, 'a.tgz'), '-C', folder, 'package'])
    const archive = readFileSync(join(folder, 'a.tgz'))
    const own = readPin()
    const pin = {
      ...own,
      packages: {
        ...own.packages,
        [NAME]: `sha512-${createHash('sha512').update(archive).digest('base64')}`,
      },
    }
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url!)
      response.end(archive)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    process.env.npm_config_registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return {
      pin,
      asked,
      close: () => {
        server.closeAllConnections()
        server.close()
      },
    }
  }
  const offer = { backend: 'vulkan' as const, name: NAME, sizeBytes: 1 }

  it('that is not the pinned archive is thrown away', async () => {
    const { asked, close } = await registry()
    const data = mkdtempSync(join(root, 'data-'))
    await expect(fetchBackend(data, offer)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(/pinned/) as string,
    })
    expect(asked[0]).toBe(`/${NAME}/-/linux-x64-vulkan-${readPin().nodeLlamaCpp}.tgz`)
    expect(readdirSync(join(data, 'backends'))).toEqual([])
    expect(fetchedLibraries(data, 'linux-x64')).toEqual([])
    close()
  })

  it('that is the pinned one is unpacked, and found again', async () => {
    const { pin, close } = await registry()
    const data = mkdtempSync(join(root, 'data-'))
    const phases = new Set<string>()
    const { file } = await fetchBackend(data, offer, {
      pin,
      onProgress: ({ phase }) => phases.add(phase),
    })
    expect(readFileSync(file, 'utf8')).toBe('a library')
    expect([...phases].at(-1)).toBe('unpack')
    expect(fetchedLibraries(data, 'linux-x64')).toEqual([{ backend: 'vulkan', file }])
    expect(readdirSync(join(data, 'backends'))).toEqual([
      `${NAME.replace('/', '+')}@${pin.nodeLlamaCpp}`,
    ])
    close()
  })

  it('for this machine: what there is, its size, and what it needs', async () => {
    expect((await fetchable('linux-x64')).map(({ backend, name }) => [backend, name])).toEqual([
      ['vulkan', NAME],
      ['cuda', expect.stringMatching(/linux-x64-cuda/) as string],
    ])
    expect(await fetchable('darwin-arm64')).toEqual([])
  })
})

it('the machine: load and memory within their bounds', async () => {
  const meter = new HardwareMeter()
  const end = Date.now() + 300
  while (Date.now() < end) Math.sqrt(end)
  const { load, memoryUsed, memoryTotal, gpus } = meter.sample([
    { ...device, type: 'gpu', memoryFree: 30, memoryTotal: 100 },
  ])
  expect(load).toBeGreaterThan(0)
  expect(load).toBeLessThanOrEqual(1)
  expect(memoryUsed).toBeGreaterThan(0)
  expect(memoryUsed).toBeLessThanOrEqual(memoryTotal)
  expect(gpus).toEqual([{ name: 'Vulkan0', memoryUsed: 70, memoryTotal: 100 }])
})
