export { ablationUnits } from './ablate.ts'
export { strategyName } from './charts.ts'
export { openLab, runLab } from './lab.ts'
export { collectWrongPaths, tunnelUnits } from './tunnel.ts'
export { gridUnits } from './unit.ts'
export { type Cell } from './cells.ts'
export { type Lab, type LabResult } from './lab.ts'
export { mean, median, quantile } from './stats.ts'
export { Bank } from './bank.ts'
export {
  openBank,
  recordPaths,
  type BankOptions,
  type Failure,
  type WorkProgress,
} from './bank-record.ts'
export { fusePaths } from './bank-fuse.ts'
export { outcomesOf, ranges, reportOf, type BankReport } from './bank-report.ts'
export { readProblems, unscoredNote } from './problems.ts'
export { type AnswerRule } from './check.ts'
export { gradesIn, gradeTable, type Grade } from './grade.ts'
export { timeLeft } from './progress.ts'
