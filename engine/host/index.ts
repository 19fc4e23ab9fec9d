export { KEYS_VARIABLE } from './mux.ts'
export { type HostProcess, Supervisor } from './supervisor.ts'
