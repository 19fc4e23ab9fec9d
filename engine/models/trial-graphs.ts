import type { NativeAddon } from '../native/index.ts'

/**
 * Opens a model without its weights and builds its graphs, as a run would; llama.cpp asserts here
 * how the numbers and the tensors of the file fit together. Throws `bad-model`, or ends the process.
 */
export async function buildGraphs(
  addon: Pick<NativeAddon, 'openPlan'>,
  path: string,
): Promise<void> {
  const plan = await addon.openPlan({ path, device: 'cpu', gpuLayers: 0 })
  await plan.measure({ cells: 1024, sequences: 4, kvType: 'f16', flashAttention: 'auto' })
  await plan.close()
}
