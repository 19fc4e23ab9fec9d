/**
 * The parity tests on a GPU backend: Vulkan, which Mesa's software driver offers without a GPU (Debian: mesa-vulkan-drivers,
 * libvulkan1), or the one that BRAID_TEST_BACKEND names (CUDA, Metal). Skipped, with the reason, if it cannot run.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { loadAddon } from '../../engine/native/load.ts'
import { CASES, measure, ratio } from '../models/fit-cases.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { joined, parity } from './consecutive.ts'
import {
  decode,
  difference,
  differences,
  GREEDY,
  HALF,
  ids,
  makeContext,
  open,
  pathSeq,
  PROMPT,
  scenario,
  score,
  stream,
  worst,
} from './harness.ts'
import { reference } from '../support/reference.ts'

// The software driver compiles each shader at its first use.
vi.setConfig({ testTimeout: 300_000 })

// ggml skips software drivers unless a device is named. Set before the backend is loaded.
process.env.GGML_VK_VISIBLE_DEVICES ??= '0'
const addon = loadAddon()
const wanted = process.env.BRAID_TEST_BACKEND ?? 'Vulkan'
const device = addon.devices().find(({ backend }) => backend.toLowerCase() === wanted.toLowerCase())
const state = addon.gpu.find(({ backend }) => backend.toLowerCase() === wanted.toLowerCase())
const reason = !state
  ? `the ${wanted} backend is not installed`
  : !state.loaded
    ? `the ${wanted} backend cannot be loaded (its driver's libraries are missing)`
    : `no ${wanted} driver offers a device`
if (!device && (process.env.BRAID_TEST_BACKEND || process.env.BRAID_REQUIRE_VULKAN))
  throw new Error(`${wanted} is required here, but ${reason}`)

describe.skipIf(!device)(
  `${wanted}${device ? ` (${device.description})` : `: skipped, ${reason}`}`,
  () => {
    it.each([
      ['all layers', -1],
      ['some layers', 2],
      ['none', 0],
    ])('memory is predicted within 2 % on each device, %s on the GPU', async (_, gpuLayers) => {
      const folder = mkdtempSync(join(tmpdir(), 'braid-gpu-fit-'))
      const file = writeTiny(tinyModel({ shape: 'qwen2', layers: 4 }), folder)
      const cases = [...CASES, { ...CASES[0]!, cells: 65_536, sequences: 64 }]
      const rows = await measure({ name: 'tiny', file }, device!.name, gpuLayers, cases)
      rmSync(folder, { recursive: true })
      expect(rows.map(({ actual }) => actual.device)).toContain(device!.name)
      for (const row of rows)
        expect(Math.abs(ratio(row) - 1), JSON.stringify(row)).toBeLessThan(0.02)
    })

    it('a cache that the buffers cannot hold is refused, not an abort', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'braid-gpu-fit-'))
      const path = writeTiny(tinyModel({ shape: 'qwen2', kvHeads: 2, headDim: 64 }), folder)
      const plan = await addon.openPlan({ path, device: device!.name, gpuLayers: -1 })
      const most = plan.mostCells('f32')
      expect(most).toBeGreaterThan(1024)
      const ask = (cells: number) =>
        plan.measure({ cells, sequences: 1, kvType: 'f32', flashAttention: 'auto' })
      if (most < 2 ** 20)
        await expect(ask(most + 1)).rejects.toMatchObject({ code: 'out-of-memory' })
      expect((await ask(Math.min(most, 2 ** 20))).cells).toBe(Math.min(most, 2 ** 20))
      await plan.close()
      rmSync(folder, { recursive: true })
    })

    describe.each(['qwen2', 'llama'] as const)('%s', (shape) => {
      const model = tinyModel({ shape })
      const input = scenario(model, [40, 3, 25, 1, 60, 12, 33, 7])

      it.each([
        ['the defaults', { kvType: 'f16', flashAttention: 'auto' }],
        ['F32 cache, no flash attention', { kvType: 'f32', flashAttention: 'off' }],
      ] as const)('prompt, 8 paths and summary: %s', async (_, options) => {
        const native = await open(model, device!.name)
        const context = await makeContext(native, options)
        expect(worst(differences(await score(context, input), input, model))).toBeLessThan(HALF)
        await context.free()
        await native.close()
      })

      it.each([
        ['F16 cells move', 'move', { kvType: 'f16', flashAttention: 'auto' }, HALF],
        ['F16 cells are copied', 'copy', { kvType: 'f16', flashAttention: 'auto' }, HALF],
        ['F32 cells move', 'move', { kvType: 'f32', flashAttention: 'off' }, HALF],
        ['F32 cells are copied', 'copy', { kvType: 'f32', flashAttention: 'off' }, HALF],
        ['Q8_0 cells are copied', 'copy', { kvType: 'q8_0', flashAttention: 'on' }, 0.2],
      ] as const)('a consecutive join: %s', async (_, place, options, bound) => {
        const input = joined(model)
        expect(await parity(model, input, () => place, options, device!.name)).toBeLessThan(bound)
      })

      it('the thought table off breaks parity', async () => {
        const native = await open(model, device!.name)
        const context = await makeContext(native)
        const broken = differences(
          await score(context, { ...input, thoughtEmbedding: false }),
          input,
          model,
        )
        for (const d of [broken.prompt, ...broken.paths, broken.summary])
          expect(d).toBeGreaterThan(0.1)
        await context.free()
        await native.close()
      })

      it('sampled paths', async () => {
        const native = await open(model, device!.name)
        const context = await makeContext(native, { kvType: 'f16', flashAttention: 'auto' })
        await context.prefill({ seq: PROMPT, tokens: input.prompt, thought: 0 })
        for (const i of [0, 1, 2]) await context.copy(PROMPT, pathSeq(i))
        const { tokens } = await decode(
          context,
          [20, 9, 14].map((budget, i) =>
            stream({
              id: i,
              seq: pathSeq(i),
              thought: i + 1,
              budget,
              sampler: { ...GREEDY, temperature: 1, seed: i },
            }),
          ),
        )
        const expected = reference(model, {
          prompt: input.prompt,
          paths: [0, 1, 2].map((i) => ({ thought: i + 1, tokens: ids(tokens.get(i)) })),
        })
        for (const i of [0, 1, 2])
          expect(difference(tokens.get(i)!, expected.paths[i]!)).toBeLessThan(HALF)
        await context.free()
        await native.close()
      })
    })
  },
)
