export { KEYS_VARIABLE } from './mux.ts'
export { DataFile } from './data-file.ts'
export { type HostProcess, Supervisor } from './supervisor.ts'
