import { inGroups } from './grouped.ts'

/**
 * Opens P independent paths; judges then compare their answers two at a time, in rounds, and the one
 * that they prefer most often is the answer (after V1, arXiv 2603.04304).
 */
export const tournament = inGroups('tournament')
