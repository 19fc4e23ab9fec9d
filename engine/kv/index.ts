export { openLease, type Lease, type LeaseModel, type LeaseOptions } from './lease.ts'
export { cellsOf, isFresh, originOf, sharedTokens } from './sharing.ts'
export {
  contextCells,
  MAX_SEQUENCES,
  newRunDemand,
  sizeRun,
  SLACK,
  SPARE_SEQUENCES,
  summaryCells,
  summaryReserve,
  type Demand,
  type Size,
} from './size.ts'
export { yarnFor } from './yarn.ts'
