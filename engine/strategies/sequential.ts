import { inGroups } from './grouped.ts'

/**
 * Opens one path; a trained model then writes a summary from it (ParaThinker, section 4: P = 1,
 * same weights).
 */
export const sequential = inGroups('sequential')
