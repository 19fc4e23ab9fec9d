import { inGroups } from './grouped.ts'

/**
 * Opens P paths from the prompt and writes one summary from their join (ParaThinker, section 3).
 */
export const parallel = inGroups('parallel')
