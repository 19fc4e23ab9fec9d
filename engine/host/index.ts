export { DataFile } from './data-file.ts'
export { type HostProcess, Supervisor } from './supervisor.ts'
