/** What the thread that runs programs and the child's main thread tell each other. */
import type { Job, Limits, Outcome } from '../job.ts'
import type { Image } from './image.ts'

/** A job, its limits, and where to begin. Steps are numbered from 0: the calls, then the inputs. */
export interface Work extends Required<Job>, Limits {
  from: number
}

export type FromThread =
  | { type: 'ready' }
  | { type: 'begin'; step: number }
  | { type: 'outcome'; step: number; outcome: Outcome }
  /** The steps before `next` are done. `fresh`: this thread must be replaced before it runs more. */
  | { type: 'end'; next: number; fresh: boolean }

/** The compiled interpreters. */
export interface Interpreters {
  python: WebAssembly.Module
  image: Image
  quickjs: WebAssembly.Module
  /** The source of driver.js. */
  driver: string
}

export type Report = (message: FromThread) => void
