export { AppendFile, writeAtomic } from './disk.ts'
export { DataFile } from './data-file.ts'
export { diskError } from './disk-error.ts'
export { makeFolder } from './folder.ts'
export { givenPath } from './given.ts'
export { WriteLock, isLocked } from './lock.ts'
export {
  chunksOf,
  MAX_OWN_FILE,
  MAX_TEXT_FILE,
  openRegular,
  readRegular,
  readText,
  regularHandle,
} from './regular.ts'
export { SecretFile } from './secret.ts'
export { ownName, stateOf } from './owner.ts'
