import { create } from 'zustand'
import type { Offer, Result } from '../../engine/protocol/wire.ts'
import { host } from './host.ts'

/** What was asked of the hub, which stays when the user looks elsewhere meanwhile. */
interface Hub {
  /** What is written in the field. */
  text: string
  /** What the hub is being asked; null: nothing. */
  asking: string | null
  found: Result<'models.search'> | null
  offer: { ref: string; offer: Offer } | null
  error: unknown
}

const NOTHING: Omit<Hub, 'text'> = { asking: null, found: null, offer: null, error: null }

export const useHub = create<Hub>(() => ({ text: '', ...NOTHING }))

let question = 0

/** Asks the hub and keeps what it answers, unless something else was asked, or the user left off, meanwhile. */
async function ask(what: string, answer: () => Promise<Partial<Hub>>, kept: Partial<Hub> = {}) {
  const mine = ++question
  useHub.setState({ ...NOTHING, ...kept, asking: what })
  const next = await answer().catch((error: unknown): Partial<Hub> => ({ error }))
  if (mine === question) useHub.setState({ ...next, asking: null })
}

/** Lists the files of a repository or an address, beside what a search has found. */
export const lookAt = (ref: string): Promise<void> =>
  ask(ref, async () => ({ offer: { ref, offer: await host.call('models.offer', { ref }) } }), {
    found: useHub.getState().found,
  })

/** Looks up what is written: a repository or an address, which has a slash; anything else is a name to search for. */
export async function lookUp(text: string): Promise<void> {
  const what = text.trim()
  useHub.setState({ text })
  if (what === '') return
  if (what.includes('/')) return lookAt(what)
  await ask(what, async () => ({
    found: await host.call('models.search', { query: what.slice(0, 200) }),
  }))
}

/** Leaves off: an answer that comes later is not shown. */
export function stopAsking(): void {
  question++
  useHub.setState({ asking: null })
}
