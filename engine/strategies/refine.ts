import { inGroups } from './grouped.ts'

/**
 * Opens rounds of N paths. Each path of a later round reads K random paths of the round before and
 * improves on them (Recursive Self-Aggregation, arXiv 2509.26626). The last round is counted or fused.
 */
export const refine = inGroups('refine')
