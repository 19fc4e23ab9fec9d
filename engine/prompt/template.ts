import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { BraidError } from '../protocol/errors.ts'

export interface Message {
  role: 'system' | 'user' | 'assistant'
  content: string
}

export interface TemplateLimits {
  /** Milliseconds, including the start of the thread. */
  ms: number
  heapMb: number
  outputChars: number
}

/** Generous limits: chat templates usually take a few milliseconds and write a few kilobytes. */
const LIMITS: TemplateLimits = { ms: 5000, heapMb: 64, outputChars: 1 << 20 }
const MAX_TEMPLATE = 1 << 20

/** Source of the thread: plain CommonJS, so that it runs both from source and from a bundle. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const { Template } = require(workerData.jinja)
try {
  const text = new Template(workerData.template).render(workerData.values)
  parentPort.postMessage(text.length > workerData.outputChars ? { error: 'it writes ' + text.length + ' characters' } : { text })
} catch (error) {
  parentPort.postMessage({ error: String(error && error.message || error).slice(0, 500) })
}`

/**
 * Renders a chat template (Jinja) in a separate thread with bounded time, memory and output, since
 * the template comes from the model's file and is untrusted. Errors: `template-failed`,
 * `cancelled`.
 */
export function renderTemplate(
  template: string,
  values: { messages: readonly Message[]; bos_token: string; eos_token: string },
  signal: AbortSignal,
  limits: Partial<TemplateLimits> = {},
): Promise<string> {
  const { ms, heapMb, outputChars } = { ...LIMITS, ...limits }
  return new Promise((resolve, reject) => {
    const fail = (why: string) =>
      reject(new BraidError('template-failed', `The model's chat template cannot be used: ${why}.`))
    if (template.length > MAX_TEMPLATE) return fail(`it is ${template.length} characters long`)
    if (signal.aborted) return reject(new BraidError('cancelled', 'Cancelled.'))
    const worker = new Worker(WORKER, {
      eval: true,
      workerData: {
        jinja: createRequire(import.meta.url).resolve('@huggingface/jinja'),
        template,
        values: { ...values, add_generation_prompt: true },
        outputChars,
      },
      resourceLimits: {
        maxOldGenerationSizeMb: heapMb,
        maxYoungGenerationSizeMb: 16,
        stackSizeMb: 4,
      },
      execArgv: [],
    })
    const timer = setTimeout(() => end(() => fail(`it took more than ${ms} ms`)), ms)
    const onAbort = () => end(() => reject(new BraidError('cancelled', 'Cancelled.')))
    const end = (settle: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      worker
        .removeAllListeners('error')
        .on('error', () => {})
        .terminate()
        .catch(() => {})
      settle()
    }
    signal.addEventListener('abort', onAbort)
    worker.on('message', ({ text, error }: { text?: string; error?: string }) =>
      end(() => (text === undefined ? fail(error!) : resolve(text))),
    )
    worker.on('error', (error: Error & { code?: string }) =>
      end(() =>
        fail(
          error.code === 'ERR_WORKER_OUT_OF_MEMORY'
            ? `it needs more than ${heapMb} MB`
            : error.message,
        ),
      ),
    )
    worker.on('exit', () => end(() => fail('it ended without a result')))
  })
}
