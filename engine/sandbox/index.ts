export { sandboxFolder } from './files.ts'
export { LIMITS, type Job, type Language, type Limits, Outcome } from './job.ts'
export { Sandbox } from './sandbox.ts'
