import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { readOnce } from '../../engine/models/memo.ts'
import { Plans } from '../../engine/models/plans.ts'
import { loadAddon } from '../../engine/native/load.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { scriptedPlans } from './scripted-plans.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-plans-'))
afterAll(() => rmSync(folder, { recursive: true }))
const make = (seed: number) =>
  writeTiny(tinyModel({ shape: 'llama', seed }), folder, join(folder, `${seed}.gguf`))

const engine = {
  device: 'cpu',
  gpuLayers: 0,
  kvType: 'f16' as const,
  flashAttention: 'auto' as const,
}

describe('plans', () => {
  it('beyond what llama.cpp is asked for, memory goes on in a straight line', async () => {
    const file = make(1)
    const addon = loadAddon({ gpu: false })
    const plans = new Plans(() => Promise.resolve(addon))
    const plan = await addon.openPlan({ path: file, device: 'cpu', gpuLayers: 0 })
    for (const flashAttention of ['on', 'off'] as const) {
      const size = { cells: 900_096, sequences: 12 }
      const { kvType } = engine
      const asked = await plan.measure({ ...size, kvType, flashAttention })
      const { cells, devices } = await plans.measure(file, { ...engine, flashAttention }, size)
      expect(cells).toBe(asked.cells)
      expect(devices[0]!.kv).toBe(asked.devices[0]!.kv)
      expect(Math.abs(devices[0]!.compute / asked.devices[0]!.compute - 1)).toBeLessThan(0.001)
    }
    // Cells that would take more memory than any machine has; the plan costs none.
    const huge = await plans.measure(file, engine, { cells: 2 ** 40, sequences: 254 })
    expect(huge.devices[0]!.kv).toBeGreaterThan(2 ** 48)
    await plan.close()
    await plans.close()
  })

  it('the last few stay open, until nobody has asked for a while; answers are kept longer', async () => {
    const files = [2, 3, 4, 5].map(make)
    const scripted = scriptedPlans({ layers: 2, layer: 100, cell: 1 })
    const plans = new Plans(() => Promise.resolve(scripted), { open: 2, idleMs: 50 })
    const size = { cells: 300, sequences: 4 }
    await Promise.all(files.map((file) => plans.measure(file, engine, size)))
    await vi.waitFor(() => expect(scripted.open).toBeLessThanOrEqual(2))
    await vi.waitFor(() => expect(scripted.open).toBe(0))
    expect(scripted.opened).toHaveLength(4)
    // Rounded up to llama.cpp's block size, so already known.
    for (const file of files) await plans.measure(file, engine, { ...size, cells: 511 })
    expect([scripted.opened.length, scripted.measured]).toEqual([4, 4])
    await plans.measure(files[0]!, engine, { ...size, cells: 600 })
    expect(scripted.opened).toHaveLength(5)
    await plans.close()
    expect(scripted.open).toBe(0)
  })

  it('a file that changed is another plan', async () => {
    const file = make(6)
    const scripted = scriptedPlans({ layers: 2, layer: 100, cell: 1 })
    const plans = new Plans(() => Promise.resolve(scripted))
    const size = { cells: 300, sequences: 4 }
    await plans.measure(file, engine, size)
    writeTiny(tinyModel({ shape: 'llama', seed: 7, layers: 1 }), folder, file)
    await plans.measure(file, engine, size)
    expect(scripted.opened).toHaveLength(2)
    await plans.close()
  })

  it('a file that the header check refuses never reaches native code', async () => {
    const file = join(folder, 'bad.gguf')
    writeFileSync(file, 'GGUF and nothing else')
    const scripted = scriptedPlans({ layers: 2, layer: 100, cell: 1 })
    const plans = new Plans(() => Promise.resolve(scripted))
    await expect(plans.measure(file, engine, { cells: 1, sequences: 1 })).rejects.toMatchObject({
      code: 'bad-model',
    })
    expect(scripted.opened).toEqual([])
    await plans.close()
  })

  it('one that could not be opened is tried again', async () => {
    const file = make(8)
    const scripted = scriptedPlans({ layers: 2, layer: 100, cell: 1 })
    let fail = true
    const plans = new Plans(() =>
      Promise.resolve({
        openPlan: (options) =>
          fail ? Promise.reject(new Error('not now')) : scripted.openPlan(options),
      }),
    )
    const ask = () => plans.measure(file, engine, { cells: 300, sequences: 4 })
    const both = await Promise.allSettled([ask(), ask()])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    fail = false
    expect((await ask()).cells).toBe(512)
    await plans.close()
  })
})

describe('a file is read once', () => {
  const file = join(folder, 'read')
  const old = new Date(Date.now() - 3_600_000)
  let reads = 0
  const counted = (settledMs: number) =>
    readOnce(
      (path) => {
        reads++
        return path.endsWith('wrong') ? Promise.reject(new Error('wrong')) : Promise.resolve(reads)
      },
      (path) => [path],
      settledMs,
    )

  it('until its size or time changes', async () => {
    writeFileSync(file, 'one')
    const read = counted(0)
    await vi.waitFor(async () => {
      const first = await read(file)
      expect(await read(file)).toBe(first)
    })
    const before = reads
    await Promise.all([read(file), read(file)])
    expect(reads).toBe(before)
    utimesSync(file, old, old)
    await read(file)
    expect(reads).toBe(before + 1)
    writeFileSync(file, 'three')
    await read(file)
    expect(reads).toBe(before + 2)
  })

  it('not where it was changed just now, and errors are not kept', async () => {
    writeFileSync(file, 'four')
    const read = counted(60_000)
    expect(await read(file)).not.toBe(await read(file))
    writeFileSync(join(folder, 'wrong'), '')
    const quick = counted(0)
    const before = reads
    await expect(quick(join(folder, 'wrong'))).rejects.toThrow('wrong')
    await expect(quick(join(folder, 'wrong'))).rejects.toThrow('wrong')
    expect(reads).toBe(before + 2)
  })
})
