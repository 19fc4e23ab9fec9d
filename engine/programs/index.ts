export { findAbove } from './above.ts'
export { PROGRAMS, lastLine, programFile, sourceOptions, spawnProgram } from './child.ts'
export { braidVersion, packageFolder } from './version.ts'
