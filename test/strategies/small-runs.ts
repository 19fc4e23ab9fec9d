import type { RunRequest } from '../../engine/protocol/request.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { Random } from '../support/random.ts'
import { Simulator } from './simulator.ts'

export const small = { paths: 3, runs: 2, budget: 6, summaryBudget: 3 } as const

export const begin = (asked: RunRequest['settings'], trained = true, seed = 1) => {
  const run = new Simulator({ ...small, ...asked }, trained, new Random(seed))
  run.advance()
  return run
}
/** Lets each of these segments take a token and end. */
export const finish = (run: Simulator, ...segments: SegmentId[]) => {
  for (const segment of segments) {
    run.token(segment)
    run.end(segment, 'finished')
    run.advance()
  }
}
