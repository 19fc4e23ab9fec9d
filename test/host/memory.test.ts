import { afterAll, expect, it } from 'vitest'
import { OwnMemory } from '../../engine/host/memory.ts'
import { Fits } from '../../engine/models/fit.ts'
import { loadAddon } from '../../engine/native/load.ts'
import { tinyFile } from '../run/support.ts'

const addon = loadAddon({ gpu: false })
const fits = new Fits(() => Promise.resolve(addon))
afterAll(() => fits.close())
const none = () => Promise.resolve(0)

const GB = 2 ** 30
const device = (name: string, memoryFree: number, memoryTotal = 8 * GB) => ({
  name,
  description: name,
  backend: 'CUDA',
  type: 'gpu' as const,
  memoryFree,
  memoryTotal,
})
const loaded = (device: string, file = '/m.gguf') => ({
  file,
  device,
  onDevice: GB,
  heldBytes: GB / 2,
})

it('what lies on a device counts as free there, never more than it has', async () => {
  const memory = new OwnMemory(() => [loaded('CUDA0'), loaded('CUDA0'), loaded('cpu')], none)
  expect(
    (await memory.devices([device('CUDA0', GB), device('CUDA1', GB), device('CUDA0', 7 * GB)])).map(
      ({ memoryFree }) => memoryFree / GB,
    ),
  ).toEqual([4, 1, 8])
})

it('of the CPU, the devices and a run have the same figure', async () => {
  const memory = new OwnMemory(
    () => [loaded('cpu')],
    () => Promise.resolve(GB / 4),
    () => 4 * GB,
  )
  const cpu = { ...device('CPU', 8 * GB), type: 'cpu' as const }
  expect((await memory.devices([cpu]))[0]!.memoryFree).toBe(await memory.free())
  expect(await memory.free()).toBe(4.75 * GB)
})

it("of a model on the CPU, what it keeps beside its file counts as free: a kept run's cells, and weights in a layout of their own", async () => {
  const { file: plain } = tinyFile({ seed: 1 })
  const file = `${plain}.q4_0.gguf`
  await addon.quantize(plain, file, 'q4_0', 1)
  // What the loaded model itself reports.
  const model = await addon.openModel({ path: file, device: 'cpu', gpuLayers: 0 }).done
  const context = await model.createContext({
    cells: 256,
    sequences: 1,
    kvType: 'f16',
    flashAttention: 'auto',
    threads: 1,
  })
  const { repacked } = context.info.devices[0]!
  await context.free()
  await model.close()
  expect(repacked).toBeGreaterThan(0)
  const free = (models: ReturnType<typeof loaded>[]) =>
    new OwnMemory(
      () => models,
      (file) => fits.repacked(file),
      () => 4 * GB,
    ).free()
  expect(await free([])).toBe(4 * GB)
  expect(await free([loaded('CUDA0')])).toBe(4 * GB)
  expect(await free([loaded('cpu', file)])).toBe(4.5 * GB + repacked)
  expect(await free([loaded('cpu', '/nowhere.gguf')])).toBe(4.5 * GB)
})
