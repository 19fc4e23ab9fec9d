// `npm test [-- FILE...]`: builds what is missing, then lint, types and tests.
import { ensureDependencies } from './setup.mjs'

ensureDependencies()
const { register } = await import('tsx/esm/api')
register()
await import('./test.ts')
