import { lastLine, spawnProgram } from '../../programs/index.ts'
import { fail, toBraidError } from '../../protocol/errors.ts'
import { thrownError, type RunError } from '../../protocol/events.ts'
import type { ConvertOptions, ConvertProgress, ConvertResult } from './convert.ts'

/** Messages from convert-main. */
export type FromConvert =
  | { kind: 'progress'; progress: ConvertProgress }
  | { kind: 'done'; result: ConvertResult }
  | { kind: 'failed'; error: RunError }

/** Time that a cancelled conversion has to close its files. */
const STOP_MS = 10_000

/**
 * Runs `convert` in its own process. Throws as `convert` does, and `engine-lost` if the process
 * ends unexpectedly.
 */
export async function convertInProcess({
  signal,
  onProgress,
  ...options
}: ConvertOptions): Promise<ConvertResult> {
  if (signal?.aborted) throw fail('cancelled/convert')
  const child = spawnProgram('models/convert/convert-main', [], { ipc: true })
  child.stdout!.resume()
  const log = lastLine(child.stderr!)
  let timer: NodeJS.Timeout | undefined
  const stop = () => {
    if (child.connected) child.send('cancel', () => undefined)
    timer ??= setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  }
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await new Promise<ConvertResult>((resolve, reject) => {
      child.on('message', (message: FromConvert) => {
        if (message.kind === 'progress') onProgress?.(message.progress)
        else if (message.kind === 'done') resolve(message.result)
        else reject(thrownError(message.error))
      })
      child.once('error', (error) => reject(toBraidError(error)))
      child.once('close', (code, killed) =>
        reject(
          signal?.aborted
            ? fail('cancelled/convert')
            : fail('engine-lost/convert', {
                reason: `The conversion ended with ${killed ?? code}. ${log()}`.trim(),
              }),
        ),
      )
      child.send(options)
    })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}
