export { attribute, type AttributeOptions } from './attribution.ts'
export { scoreFile, ScoreInput, type ScoreOptions, type ScoreResult } from './score.ts'
