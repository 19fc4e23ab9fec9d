export { connect, RemoteModel } from './model.ts'
export { listModels } from './probe.ts'
export { textTokens } from './text-ids.ts'
export { LIMITS, Server, serverUrl, type Limits, type Place } from './server.ts'
