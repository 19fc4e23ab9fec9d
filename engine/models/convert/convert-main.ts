/**
 * A process of its own for a conversion that a window asked for: the host goes on answering meanwhile. It is told what to
 * convert by one message, answers with messages of progress and one that ends it, and stops when its parent is gone.
 */
import { toBraidError } from '../../protocol/errors.ts'
import { convert, type ConvertOptions } from './convert.ts'
import type { FromConvert } from './process.ts'

const cancel = new AbortController()
const stop = () => cancel.abort()
process.on('disconnect', stop)
process.on('SIGTERM', stop)
process.on('SIGINT', () => undefined) // The parent decides.

let told = 0
process.once('message', (options: Omit<ConvertOptions, 'signal' | 'onProgress'>) => {
  process.on('message', stop) // Any further message: cancel.
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
      (error: unknown) => {
        const { code, message } = toBraidError(error)
        tell({ kind: 'failed', code, message })
      },
    )
    .finally(() => process.connected && process.disconnect())
})

function tell(message: FromConvert): void {
  if (process.connected) process.send?.(message)
}
