import { create } from 'zustand'
import { toBraidError } from '../../engine/protocol/errors.ts'
import { runError, type RunError, type SegmentId } from '../../engine/protocol/events.ts'
import { attributionTask, type Attribution } from '../../engine/protocol/wire.ts'
import { host } from './host.ts'

/** Attributions that were requested in this window. A finished summary never changes, so a result stays valid. */
export type Reading =
  | { state: 'reading'; fraction: number; cancelling: boolean }
  | { state: 'ready'; result: Attribution }
  | { state: 'failed'; error: RunError }

export const useAttributions = create<{ of: Readonly<Record<string, Reading>> }>(() => ({ of: {} }))

const put = (task: string, reading: Reading | null): void =>
  useAttributions.setState(({ of }) => {
    const { [task]: _, ...rest } = of
    return { of: reading === null ? rest : { ...rest, [task]: reading } }
  })
export const useReading = (run: string, segment: SegmentId): Reading | undefined =>
  useAttributions((s) => s.of[attributionTask(run, segment)])

/** Requests an attribution unless it is known or on its way. Keeps a failure for the view to show. */
export async function askAttribution(run: string, segment: SegmentId): Promise<void> {
  const task = attributionTask(run, segment)
  const old = useAttributions.getState().of[task]
  if (old !== undefined && old.state !== 'failed') return
  put(task, { state: 'reading', fraction: 0, cancelling: false })
  try {
    put(task, { state: 'ready', result: await host.call('run.attribution', { run, segment }) })
  } catch (error) {
    const why = toBraidError(error)
    put(task, why.code === 'cancelled' ? null : { state: 'failed', error: runError(why) })
  }
}

export async function cancelAttribution(run: string, segment: SegmentId): Promise<void> {
  const task = attributionTask(run, segment)
  const old = useAttributions.getState().of[task]
  if (old?.state !== 'reading') return
  put(task, { ...old, cancelling: true })
  await host.call('run.attribution.cancel', { run, segment })
}

/** Takes a progress push. Returns false if the push is about something else. */
export function attributionProgress(task: string, fraction: number): boolean {
  const old = useAttributions.getState().of[task]
  if (old?.state === 'reading') put(task, { ...old, fraction })
  return task.startsWith('attribution/')
}
