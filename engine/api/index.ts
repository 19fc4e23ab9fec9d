export { isLoopback } from './guard.ts'
export { apiKey, newKey } from './key.ts'
export { serveApi, type Api, type ApiOptions } from './server.ts'
