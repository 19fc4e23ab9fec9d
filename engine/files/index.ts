export { AppendFile, diskError, writeAtomic } from './disk.ts'
export { WriteLock, isLocked } from './lock.ts'
