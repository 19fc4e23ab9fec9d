export { findModels } from './scan.ts'
