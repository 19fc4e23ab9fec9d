import { expect, it } from 'vitest'
import { withChoices } from '../../engine/cli/engine.ts'
import type { DeviceInfo } from '../../engine/protocol/wire.ts'
import { tinyFile } from '../run/support.ts'

const model = tinyFile({ seed: 1 }).file
const gpu = (memoryFree: number) => () =>
  Promise.resolve<DeviceInfo[]>([
    {
      name: 'GPU0',
      description: 'A GPU',
      backend: 'Vulkan',
      type: 'gpu',
      memoryFree,
      memoryTotal: 2 ** 40,
    },
  ])

it('without a word about layers, as many as fit on the GPU', async () => {
  expect(await withChoices({ model }, gpu(2 ** 40))).toEqual({ model })
  expect(await withChoices({ model }, gpu(1))).toEqual({ model, gpuLayers: 0 })
})

it('what is said, is done; without a GPU nothing is chosen; a bad model is left to the run', async () => {
  expect(await withChoices({ model, gpuLayers: 2 }, gpu(1))).toEqual({ model, gpuLayers: 2 })
  expect(await withChoices({ model, device: 'cpu' }, gpu(1))).toEqual({ model, device: 'cpu' })
  expect(await withChoices({ model }, () => Promise.resolve([]))).toEqual({ model })
  expect(await withChoices({ model: '/nowhere.gguf' }, gpu(1))).toEqual({ model: '/nowhere.gguf' })
})
