export { CONVERT_TYPES, type ConvertProgress, type ConvertType, convert } from './convert.ts'
export { nameOf } from './files.ts'
