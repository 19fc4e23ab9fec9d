/** What a GGUF says about the positions of its model. */
interface Trained {
  metadata: Readonly<Record<string, unknown>>
  /** 0 if nobody says. */
  trainContext: number
}

/**
 * Returns how many positions the model can take with paths of `budget` tokens, YaRN included;
 * Infinity if a server does not say.
 */
export function trainedPositions(
  { metadata, trainContext }: Trained,
  { budget }: { budget: number },
): number {
  if (trainContext === 0) return Infinity
  return Math.floor(trainContext * (yarnFor(metadata, budget, trainContext)?.factor ?? 1))
}

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
