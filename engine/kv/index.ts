export { sharesParts } from './context.ts'
export { type Lease } from './lease.ts'
export {
  copiedCells,
  Placement,
  placeParts,
  type Placed,
  type PlacingRules,
  type Reader,
} from './placement.ts'
export { Pools, withLease, type LeaseRequest, type Memory } from './pools.ts'
export {
  ancestry,
  cellsOf,
  homeOf,
  isJoined,
  isBefore,
  isFresh,
  lengthOfPart,
  originOf,
  rootOf,
  sequencesOf,
  sharedTokens,
  sourceCells,
} from './sharing.ts'
export {
  contextCells,
  copiedTokens,
  joinedCells,
  liveRounds,
  MAX_SEQUENCES,
  judgeCells,
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
export { trainedPositions, yarnFor } from './yarn.ts'
