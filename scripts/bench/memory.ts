/** (d) Memory by P: what a plan predicts against what the context takes, without weights. */
import { loadAddon, type NativeMemory } from '../../engine/native/index.ts'
import { makeContext, openModel, printTable, type BenchModel, type Settings } from './harness.ts'

export async function benchMemory(model: BenchModel, settings: Settings): Promise<void> {
  const opened = await openModel(model.file, settings)
  const { device } = settings
  const gpuLayers = device === 'cpu' ? 0 : -1
  const plan = await loadAddon().openPlan({ path: model.file, device, gpuLayers })
  const sum = (devices: NativeMemory[], part: 'kv' | 'compute') =>
    devices.reduce((bytes, one) => bytes + one[part], 0)
  const rows: (string | number)[][] = []
  for (const paths of [1, 2, 4, 8, 16]) {
    const size = { cells: 64 + paths * 512 + 256, sequences: paths + 2 }
    const planned = await plan.measure({ ...size, kvType: 'f16', flashAttention: 'on' })
    const context = await makeContext(opened, settings, size)
    const { devices, cells } = context.info
    const kv = [planned.devices, devices].map((memory) => sum(memory, 'kv')) as [number, number]
    const compute = [planned.devices, devices].map((memory) => sum(memory, 'compute')) as [
      number,
      number,
    ]
    rows.push([
      String(paths),
      String(cells),
      kv[1] / 2 ** 20,
      kv[0] / kv[1],
      compute[1] / 2 ** 20,
      compute[0] / compute[1],
    ])
    await context.free()
  }
  await plan.close()
  await opened.close()
  printTable(
    `Memory by P, ${model.name} (f16, 512 tokens per path): allocated, and predicted / allocated`,
    ['P', 'cells', 'KV MiB', 'ratio', 'compute MiB', 'ratio'],
    rows,
  )
}
