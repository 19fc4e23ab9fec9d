import type { Strategy as Name } from '../protocol/request.ts'
import { forkJoin } from './fork-join.ts'
import { majority } from './majority.ts'
import { merge } from './merge.ts'
import { parallelMajority } from './parallel-majority.ts'
import { parallel } from './parallel.ts'
import { refine } from './refine.ts'
import { sequential } from './sequential.ts'
import type { Strategy } from './strategy.ts'
import { tournament } from './tournament.ts'

export * from './seeds.ts'
export * from './strategy.ts'
export { obey, type Limits, type Obeyed } from './commands.ts'

export const STRATEGIES: Readonly<Record<Name, Strategy>> = {
  parallel,
  sequential,
  majority,
  'parallel-majority': parallelMajority,
  refine,
  merge,
  tournament,
  'fork-join': forkJoin,
}
export { summarySeed } from './seeds.ts'
