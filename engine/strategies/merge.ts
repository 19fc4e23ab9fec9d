import { inGroups } from './grouped.ts'

/**
 * Opens P paths from the prompt and decodes one answer from the mean of their log-probabilities, each
 * token of which is fed to all of them (ThinkMerge, arXiv 2512.02874).
 */
export const merge = inGroups('merge')
