import { streamNow } from '../store/runs.ts'
import { placeKey, reveal } from '../store/scroll.ts'
import { frameOf } from './control-tokens.ts'

/** Scrolls the pane of a path, or with `path` 0 of a summary, to where its answer stands. */
export function showAnswer(run: string, path: number, version: number): void {
  const stream = streamNow(run, path, version)
  if (stream?.answer)
    reveal(placeKey(run, path, version), stream.answer.span[0] - frameOf(stream).start)
}
