export { DataFile } from './data-file.ts'
export { forkHost } from './node-process.ts'
export { type HostProcess, Supervisor } from './supervisor.ts'
