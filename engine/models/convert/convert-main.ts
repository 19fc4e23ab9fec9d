/**
 * Runs a conversion in its own process, so that the host stays responsive. The first message from
 * the parent says what to convert. The process answers with progress messages and one final
 * message, and stops if its parent exits.
 */
import { toBraidError } from '../../protocol/errors.ts'
import { runError } from '../../protocol/events.ts'
import { convert, type ConvertOptions } from './convert.ts'
import type { FromConvert } from './process.ts'

const cancel = new AbortController()
const stop = () => cancel.abort()
process.on('disconnect', stop)
process.on('SIGTERM', stop)
process.on('SIGINT', () => undefined) // The parent decides whether to cancel.

let told = 0
process.once('message', (options: Omit<ConvertOptions, 'signal' | 'onProgress'>) => {
  process.on('message', stop) // Any further message cancels the conversion.
  convert({
    ...options,
    signal: cancel.signal,
    onProgress(progress) {
      if (Date.now() - told < 100 && progress.fraction < 1) return
      told = Date.now()
      tell({ kind: 'progress', progress })
    },
  })
    .then(
      (result) => tell({ kind: 'done', result }),
      (error: unknown) => tell({ kind: 'failed', error: runError(toBraidError(error)) }),
    )
    .finally(() => process.connected && process.disconnect())
})

function tell(message: FromConvert): void {
  if (process.connected) process.send?.(message)
}
