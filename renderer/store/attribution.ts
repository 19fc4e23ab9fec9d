import { create } from 'zustand'
import { toBraidError } from '../../engine/protocol/errors.ts'
import type { RunError } from '../../engine/protocol/events.ts'
import { attributionTask, type Attribution } from '../../engine/protocol/wire.ts'
import { host } from './host.ts'

/** What summaries attended to, as far as it was asked for in this window. A version never changes, so an answer stays. */
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
export const useReading = (run: string, version: number): Reading | undefined =>
  useAttributions((s) => s.of[attributionTask(run, version)])

/** Asks for it, unless it is known or on its way. Failures are kept, for the view to tell. */
export async function askAttribution(run: string, version: number): Promise<void> {
  const task = attributionTask(run, version)
  const old = useAttributions.getState().of[task]
  if (old !== undefined && old.state !== 'failed') return
  put(task, { state: 'reading', fraction: 0, cancelling: false })
  try {
    put(task, { state: 'ready', result: await host.call('run.attribution', { run, version }) })
  } catch (error) {
    const { code, message } = toBraidError(error)
    put(task, code === 'cancelled' ? null : { state: 'failed', error: { code, message } })
  }
}

export async function cancelAttribution(run: string, version: number): Promise<void> {
  const task = attributionTask(run, version)
  const old = useAttributions.getState().of[task]
  if (old?.state !== 'reading') return
  put(task, { ...old, cancelling: true })
  await host.call('run.attribution.cancel', { run, version })
}

/** A progress push; false: it is about something else. */
export function attributionProgress(task: string, fraction: number): boolean {
  const old = useAttributions.getState().of[task]
  if (old?.state === 'reading') put(task, { ...old, fraction })
  return task.startsWith('attribution/')
}
