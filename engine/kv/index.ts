export { type Lease } from './lease.ts'
export { Pools, withLease, type LeaseRequest, type Memory } from './pools.ts'
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
