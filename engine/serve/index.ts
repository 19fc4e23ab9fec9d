export { listFiles } from './files.ts'
export { serve } from './serve.ts'
