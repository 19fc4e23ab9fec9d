export { findAbove } from './above.ts'
export { PROGRAMS, endOf, lastLine, programFile, sourceOptions, spawnProgram } from './child.ts'
export { braidVersion, packageFolder } from './version.ts'
