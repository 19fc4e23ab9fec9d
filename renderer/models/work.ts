import { useState } from 'react'
import { failureWords } from '../i18n/wording.ts'

/** Returns a function that runs the work of a form, with whether it is at work, and why it failed last. */
export function useWork() {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const work = async (what: () => Promise<void>) => {
    setBusy(true)
    setError(null)
    try {
      await what()
    } catch (failure) {
      setError(failureWords(failure))
    } finally {
      setBusy(false)
    }
  }
  return { busy, error, work }
}
