import { expect, it } from 'vitest'
import { withChoices } from '../../engine/cli/engine.ts'
import { Fits } from '../../engine/models/fit.ts'
import type { DeviceInfo } from '../../engine/protocol/wire.ts'
import { scriptedPlans } from '../models/scripted-plans.ts'
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

// There is no GPU here, so its memory is simulated.
const fits = () =>
  Promise.resolve(
    new Fits(() => Promise.resolve(scriptedPlans({ layers: 2, layer: 1000, cell: 1 }))),
  )

it('without a word about layers, as many as fit on the GPU', async () => {
  expect(await withChoices({ model }, gpu(2 ** 40), fits)).toEqual({ model })
  expect(await withChoices({ model }, gpu(1), fits)).toEqual({ model, gpuLayers: 0 })
})

it('what is said, is done; without a GPU nothing is chosen; a bad model is left to the run', async () => {
  expect(await withChoices({ model, gpuLayers: 2 }, gpu(1))).toEqual({ model, gpuLayers: 2 })
  expect(await withChoices({ model, device: 'cpu' }, gpu(1))).toEqual({ model, device: 'cpu' })
  expect(await withChoices({ model }, () => Promise.resolve([]))).toEqual({ model })
  expect(await withChoices({ model: '/nowhere.gguf' }, gpu(1))).toEqual({ model: '/nowhere.gguf' })
})
