import { inGroups } from './grouped.ts'

/** Opens P independent paths and votes over their answers (self-consistency). */
export const majority = inGroups('majority')
