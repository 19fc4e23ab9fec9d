export { findAbove } from './above.ts'
export { PROGRAMS, endOf, lastLine, programFile, sourceOptions, spawnProgram } from './child.ts'
export { passOn, say } from './say.ts'
export { braidVersion, packageFolder } from './version.ts'
