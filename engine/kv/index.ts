export { type Lease } from './lease.ts'
export { copiedCells, Placement, placeParts, type Placed, type PlacingRules } from './placement.ts'
export { Pools, withLease, type LeaseRequest, type Memory } from './pools.ts'
export { ancestry, cellsOf, isFresh, originOf, sharedTokens } from './sharing.ts'
export {
  contextCells,
  copiedTokens,
  MAX_SEQUENCES,
  newRunDemand,
  readingOf,
  sizeRun,
  SLACK,
  SPARE_SEQUENCES,
  summaryCells,
  summaryReserve,
  wordsAround,
  type Demand,
  type Reading,
  type Size,
  type SizedModel,
} from './size.ts'
export { yarnFor } from './yarn.ts'
