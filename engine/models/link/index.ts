export { ModelLinks, type ModelLink, type Refused } from './links.ts'
export { places, PROGRAMS, type Place, type Program } from './places.ts'
export { findModels, scanFolder, scanOllama, type FoundModel } from './scan.ts'
