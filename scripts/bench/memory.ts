/** (d) KV memory by P against the formula: 2 x layers x KV heads x head size x bytes, a cell. */
import { makeContext, openModel, printTable, type BenchModel, type Settings } from './harness.ts'

export async function benchMemory(model: BenchModel, settings: Settings): Promise<void> {
  const opened = await openModel(model.file, settings)
  const { layers, kvHeads, embedding, heads } = opened.info
  const rows: (string | number)[][] = []
  for (const paths of [1, 2, 4, 8, 16]) {
    const cells = Math.ceil((64 + paths * 512 + 256) / 256) * 256
    const context = await makeContext(opened, settings, { cells, sequences: paths + 2 })
    const formula = context.info.cells * 2 * layers * kvHeads * (embedding / heads) * 2
    rows.push([
      String(paths),
      String(context.info.cells),
      formula / 2 ** 20,
      context.info.kvBytes / 2 ** 20,
      context.info.kvBytes / formula,
    ])
    await context.free()
  }
  await opened.close()
  printTable(
    `KV memory by P, ${model.name} (f16, 512 tokens a path)`,
    ['P', 'cells', 'formula MiB', 'allocated MiB', 'ratio'],
    rows,
  )
}
