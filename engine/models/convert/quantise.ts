import { lastLine, spawnProgram } from '../../programs/index.ts'
import { type BraidError, fail, toBraidError } from '../../protocol/errors.ts'
import { sizeOf } from './work.ts'

/** Types made by llama.cpp's quantiser; other types are written directly. */
export const QUANTISED_TYPES = [
  'q4_0',
  'q4_1',
  'q5_0',
  'q5_1',
  'q3_k_m',
  'q4_k_s',
  'q4_k_m',
  'q5_k_m',
  'q6_k',
] as const
export type QuantisedType = (typeof QUANTISED_TYPES)[number]

/** Approximate bits per weight, for estimates (llama.cpp, tools/quantize/README.md). */
export const BITS: Readonly<Record<QuantisedType, number>> = {
  q4_0: 4.6,
  q4_1: 5.1,
  q5_0: 5.6,
  q5_1: 6.1,
  q3_k_m: 4,
  q4_k_s: 4.7,
  q4_k_m: 4.9,
  q5_k_m: 5.7,
  q6_k: 6.6,
}

export interface QuantiseOptions {
  input: string
  output: string
  type: QuantisedType
  /** Number of threads; 0 means one per core. */
  threads: number
  /** Expected size of the output in bytes, the limit of the reported progress. */
  expected: number
  signal?: AbortSignal
  /** Receives the number of bytes written. */
  onProgress?: (done: number) => void
}

/**
 * Rewrites a GGUF in another type, in its own process. Throws `cancelled`, `disk-full`,
 * `bad-model`, `native-missing` or `engine-lost`.
 */
export async function quantise(options: QuantiseOptions): Promise<void> {
  const { input, output, type, threads, signal } = options
  if (signal?.aborted) throw fail('cancelled/convert')
  const child = spawnProgram('models/convert/quantise-main', [input, output, type, String(threads)])
  const said = lastLine(child.stdout!, 65_536)
  const log = lastLine(child.stderr!)
  const stop = () => child.kill('SIGKILL')
  signal?.addEventListener('abort', stop, { once: true })
  const timer = setInterval(
    () =>
      void sizeOf(output).then((size) => options.onProgress?.(Math.min(size, options.expected))),
    200,
  )
  try {
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (status, killed) => resolve(status ?? killed ?? 'an unknown reason'))
    })
    if (signal?.aborted) throw fail('cancelled/convert')
    if (code === 0) return
    throw failure(code, said(), log())
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', stop)
  }
}

function failure(code: number | string, said: string, log: string): BraidError {
  try {
    const { code: kind, message } = JSON.parse(said) as { code: string; message: string }
    return /no space|failed to write|disk/i.test(message)
      ? fail('disk-full/quantise')
      : toBraidError(Object.assign(new Error(message), { code: kind }))
  } catch {
    return fail('engine-lost/convert', {
      reason: `The quantiser ended with ${code}. ${log}`.trim(),
    })
  }
}
