/**
 * Returns YaRN parameters for a budget beyond the trained one (`parathinker.rope_*`); undefined if
 * none are needed.
 */
export function yarnFor(
  metadata: Readonly<Record<string, unknown>>,
  budget: number,
  trainContext: number,
): { factor: number; originalContext: number } | undefined {
  const trained = Number(metadata['parathinker.rope_budget'])
  if (!Number.isFinite(trained) || trained < 1 || budget <= trained) return undefined
  const original = Number(metadata['parathinker.rope_original_context'])
  return {
    factor: budget / trained,
    originalContext:
      Number.isFinite(original) && original >= 1 ? Math.round(original) : trainContext,
  }
}
