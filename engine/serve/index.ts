export { listFiles } from './files.ts'
export { forwardFile } from './forward.ts'
export { newLinks, noteRunning } from './running.ts'
export { serve } from './serve.ts'
