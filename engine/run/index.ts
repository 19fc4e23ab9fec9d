export { Engine, type EngineParts } from './engine.ts'
export type { RunPrograms } from './comparing.ts'
export type { RunHandle, ThinkOptions } from './handle.ts'
export { thoughtRows } from './rows.ts'
