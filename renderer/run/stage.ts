import { decidingProgram, spokesman } from '../../engine/protocol/deciding.ts'
import { isOpen, type RunState } from '../../engine/protocol/fold.ts'
import { isOver, useRuns, useShown } from '../store/runs.ts'
import { useUi, type Stage } from '../store/ui.ts'

/**
 * What has the large place of the run view: the paths while they think; the answer once it begins,
 * until the user says otherwise.
 */
export const useStage = (run: string): Stage => {
  const chosen = useUi((s) => s.stages[run])
  const begun = useShown(run, answerBegan)
  return chosen ?? (begun ? 'answer' : 'paths')
}

export const stageNow = (run: string): Stage => {
  const state = useRuns.getState().open[run]?.shown
  return (
    useUi.getState().stages[run] ?? (state !== undefined && answerBegan(state) ? 'answer' : 'paths')
  )
}

export const setStage = (run: string, stage: Stage): void =>
  useUi.setState(({ stages }) => ({ stages: { ...stages, [run]: stage } }))

/** Returns whether there is an answer to read. The text of a single path is one already. */
export function answerBegan(state: RunState): boolean {
  const { paths, summaries, status } = state
  if (paths.length < 2 || paths.some(isOpen)) return false
  if (summaries.some(({ tokens }) => tokens.length > 0) || decidingProgram(state) !== undefined)
    return true
  return isOver(status) && spokesman(state) !== undefined
}
