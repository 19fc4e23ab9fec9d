export { strategyName } from './charts.ts'
export { runLab, type LabPlace } from './lab.ts'
export { openLab, unitsOf } from './open.ts'
export { type Job, type Runner } from './experiment.ts'
export { digestOf, type Digest } from './digest.ts'
export { mean, median, quantile } from './stats.ts'
export { Bank } from './bank.ts'
export {
  openBank,
  recordPaths,
  type BankOptions,
  type Failure,
  type WorkProgress,
} from './bank-record.ts'
export { fusedAtOnce, fusePaths } from './bank-fuse.ts'
export { finishRuns } from './bank-finish.ts'
export { mergedOutcomes, outcomesAt, savedOutcomes, type BankOutcomes } from './bank-outcomes.ts'
export { ranges, reportOf, type BankReport } from './bank-report.ts'
export {
  lackingText,
  SCORE_DEFAULTS,
  scoredProblems,
  scoreOf,
  usualWidths,
  type BankScore,
  type ScoreOptions,
  type ScoreRow,
} from './bank-score.ts'
export { scoreHtml, type NamedScore } from './bank-score-report.ts'
export { readProblems, unscoredIn, unscoredNote } from './problems.ts'
export { ownSets, inspectSet } from './sets.ts'
export { estimateOf, type Speed } from './estimate.ts'
export { exportLab, runsOf } from './results.ts'
export { gradesIn, gradeTable, type Grade } from './grade.ts'
export { readEach, type ReadEntry } from './json-lines.ts'
export { timeLeft } from './progress.ts'
