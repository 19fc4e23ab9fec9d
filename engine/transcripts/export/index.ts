import type { RunStore } from '../store.ts'
import type { Export, Format } from './export.ts'

export {
  comparedPrograms,
  type ComparedPrograms,
  nameOf,
  segmentLine,
  segmentTitle,
  size,
  voteLines,
  voteTitle,
} from './describe.ts'
export type { Export, ExportedRun, Format } from './export.ts'
export { importInSlices } from './json.ts'

/** As in export.ts. Loads Markdown, formulas and the colours of code only when something is exported. */
export async function exportRuns(
  store: RunStore,
  runs: readonly string[],
  format: Format,
): Promise<Export> {
  return (await import('./export.ts')).exportRuns(store, runs, format)
}
