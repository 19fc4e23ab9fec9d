// `npm start [-- --model FILE] [--browser] [--port N] [--no-open]`: builds what is missing and opens the workbench.
import { ensureDependencies } from './setup.mjs'

ensureDependencies()
const { register } = await import('tsx/esm/api')
register()
await import('./start.ts')
