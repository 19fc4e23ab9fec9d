import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon, type NativePlan } from '../../engine/native/load.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { contextOf, start, stream } from './support.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-plan-'))
const addon = loadAddon({ gpu: false })
const cpu = { device: 'cpu', gpuLayers: 0 }
const options = {
  cells: 1024,
  sequences: 4,
  kvType: 'f16' as const,
  flashAttention: 'auto' as const,
}
let path: string
let plan: NativePlan
beforeAll(async () => {
  path = writeTiny(tinyModel({ shape: 'qwen2', endless: true }), folder)
  plan = await addon.openPlan({ path, ...cpu })
})
afterAll(async () => {
  await plan.close()
  rmSync(folder, { recursive: true })
})

const code = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'nothing was thrown'
}

describe('a plan', () => {
  it('says what the context then takes, and allocates nothing', async () => {
    const model = await addon.openModel({ path, ...cpu }).done
    const context = await model.createContext({ ...options, threads: 1 })
    expect(await plan.measure(options)).toMatchObject({
      cells: context.info.cells,
      canShift: context.info.canShift,
      devices: context.info.devices,
    })
    await context.free()
    await model.close()
    const before = process.memoryUsage.rss()
    const large = await plan.measure({ ...options, cells: 1 << 19, kvType: 'f32' })
    const { kv, compute } = large.devices[0]!
    expect(kv + compute).toBeGreaterThan(500e6)
    expect(process.memoryUsage.rss() - before).toBeLessThan(150e6)
  })

  it('names the weights that stay where the file is mapped', () => {
    expect(plan.mapped).toContain('token_embd.weight')
    expect(plan.mapped).toContain('blk.0.attn_q.weight') // F32 is not repacked
    expect(plan.mostCells('f16')).toBe(2 ** 28)
  })

  it('does not wait for a decode', async () => {
    const model = await addon.openModel({ path, ...cpu }).done
    const context = await contextOf(model, { cells: 1 << 16 })
    await context.prefill({ seq: 0, tokens: [1, 2, 3], thought: -1 })
    await context.copy(0, 1)
    const { handle, decoded } = start(context, [stream({ id: 1, budget: 60_000 })], {
      cells: 65_000,
    })
    const another = await addon.openPlan({ path, ...cpu })
    await another.measure(options)
    expect(decoded.ended.size).toBe(0)
    handle.cancel()
    await handle.done
    await another.close()
    await context.free()
    await model.close()
  })

  it('refuses what is out of range, and work after its end', async () => {
    for (const [field, value] of [
      ['cells', 0],
      ['cells', (1 << 20) + 1],
      ['cells', NaN],
      ['sequences', 255],
      ['sequences', -1],
      ['batch', 2 ** 31],
      ['cells', '1024'],
      ['kvType', 'f64'],
      ['flashAttention', 'maybe'],
    ] as const)
      expect(
        code(() => void plan.measure({ ...options, [field]: value } as never)),
        `${field} ${value}`,
      ).toBe('out-of-range')
    expect(code(() => void plan.measure(undefined as never))).toBe('bad-request')
    expect(code(() => void plan.measure({ ...options, swaFull: 'yes' as never }))).toBe(
      'bad-request',
    )
    expect(code(() => plan.mostCells('f64' as never))).toBe('out-of-range')
    expect(code(() => void addon.openPlan({ path, device: 'cpu', gpuLayers: 1e308 }))).toBe(
      'out-of-range',
    )
    expect(code(() => void addon.openPlan({ path: 'a\0b', ...cpu }))).toBe('bad-path')
    await expect(addon.openPlan({ path, device: 'GPU77', gpuLayers: -1 })).rejects.toMatchObject({
      code: 'unknown-device',
    })
    const closed = await addon.openPlan({ path, ...cpu })
    await closed.close()
    expect(code(() => void closed.measure(options))).toBe('not-running')
  })
})

it('a plan and a load that fail side by side each name their own cause', async () => {
  const broken = (name: string, from: string, to: string) => {
    const file = join(folder, name)
    const bytes = Buffer.from(tinyModel({ shape: 'qwen2' }).gguf)
    const at = bytes.indexOf(from)
    expect(at).toBeGreaterThan(0)
    expect(to.length).toBe(from.length)
    bytes.write(to, at)
    writeFileSync(file, bytes)
    return file
  }
  const norm = broken('norm.gguf', 'output_norm.weight', 'output_gorm.weight')
  const layer = broken('layer.gguf', 'blk.1.ffn_up.weight', 'blk.1.ffn_ap.weight')
  const message = (work: Promise<unknown>) =>
    work.then(
      () => 'resolved',
      (error: Error) => error.message,
    )
  const rounds = await Promise.all(
    Array.from({ length: 40 }, () =>
      Promise.all([
        message(addon.openPlan({ path: norm, ...cpu })),
        message(addon.openModel({ path: layer, ...cpu }).done),
      ]),
    ),
  )
  for (const [planned, loaded] of rounds) {
    expect(planned).toMatch(/output_norm\.weight/)
    expect(loaded).toMatch(/blk\.1\.ffn_up\.weight/)
  }
})
