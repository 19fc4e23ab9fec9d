// `npm test [-- FILE...]`: builds what is missing, then checks lint and types and runs the tests.
import { ensureDependencies } from './setup.mjs'

ensureDependencies()
const { register } = await import('tsx/esm/api')
register()
await import('./test.ts')
