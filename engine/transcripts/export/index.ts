export { segmentLine, segmentTitle, size, voteLines } from './describe.ts'
export { type Export, type ExportedRun, FORMATS, type Format, exportRuns } from './export.ts'
export { importRuns } from './json.ts'
