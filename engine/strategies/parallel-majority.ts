import { inGroups } from './grouped.ts'

/**
 * Opens several groups of paths, writes a summary per group and votes over the summaries
 * (ParaThinker, section 5).
 */
export const parallelMajority = inGroups('parallel-majority')
