export { passOn, say } from './say.ts'
