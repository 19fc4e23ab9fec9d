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

/** What a template is given; its other variables by their own names. */
export interface TemplateValues {
  messages: readonly Message[]
  bos_token: string
  eos_token: string
  [variable: string]: unknown
}

export type Rendering = { text: string } | { error: string }

/**
 * Generous limits: chat templates usually take a few milliseconds and write a few kilobytes besides
 * the messages. Memory and output grow with the messages.
 */
const LIMITS: TemplateLimits = { ms: 5000, heapMb: 64, outputChars: 1 << 20 }
const MAX_TEMPLATE = 1 << 20

/** Source of the thread: plain CommonJS, so that it runs both from source and from a bundle. */
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
const { Environment, Interpreter, Template } = require(workerData.jinja)
// Python's str.format with fields {} and {0}, which @huggingface/jinja 0.5.11 does not have.
const member = Interpreter.prototype.evaluateMemberExpression
Interpreter.prototype.evaluateMemberExpression = function (node, scope) {
  const found = member.call(this, node, scope)
  if (found.type !== 'UndefinedValue' || node.computed || node.property.value !== 'format') return found
  const { type, value } = this.evaluate(node.object, scope)
  if (type !== 'StringValue') return found
  return new Environment().set('format', (...values) => {
    let next = 0
    return value.replace(/\\{(\\d*)\\}/g, (_, index) => values[index === '' ? next++ : index])
  })
}
const attempt = (values) => {
  try {
    const text = new Template(workerData.template).render(values)
    return text.length > workerData.outputChars ? { error: 'it writes ' + text.length + ' characters' } : { text }
  } catch (error) {
    return { error: String(error && error.message || error).slice(0, 500) }
  }
}
// As apply_chat_template of transformers does without tools; some templates for tools want a list.
const render = (values) => {
  const usual = attempt({ tools: null, documents: null, ...values })
  const other = 'error' in usual ? attempt({ tools: [], documents: [], ...values }) : usual
  return 'error' in other ? usual : other
}
parentPort.postMessage(workerData.values.map(render))`

export const templateFailed = (why: string): BraidError =>
  new BraidError('template-failed', `The model's chat template cannot be used: ${why}.`)

/** Renders a chat template once (`renderTemplates`). Errors: `template-failed`, `cancelled`. */
export async function renderTemplate(
  template: string,
  values: TemplateValues,
  signal: AbortSignal,
  limits: Partial<TemplateLimits> = {},
): Promise<string> {
  const [rendering] = await renderTemplates(template, [values], signal, limits)
  return textIn(rendering)
}

/** Returns the text of a rendering. Errors: `template-failed`. */
export function textIn(rendering: Rendering | undefined): string {
  if (rendering === undefined || 'error' in rendering)
    throw templateFailed(rendering?.error ?? 'it ended without a result')
  return rendering.text
}

/**
 * Renders a chat template (Jinja) for each of the values, in a separate thread with bounded time,
 * memory and output, since the template comes from the model's file and is untrusted. Errors:
 * `template-failed` if a bound is exceeded, `cancelled`.
 */
export function renderTemplates(
  template: string,
  values: readonly TemplateValues[],
  signal: AbortSignal,
  limits: Partial<TemplateLimits> = {},
): Promise<Rendering[]> {
  const { ms, heapMb, outputChars } = { ...LIMITS, ...limits }
  const lengths = values.map(({ messages }) =>
    messages.reduce((sum, { content }) => sum + content.length, 0),
  )
  const given = lengths.reduce((sum, length) => sum + length, 0)
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(templateFailed(why))
    if (template.length > MAX_TEMPLATE) return fail(`it is ${template.length} characters long`)
    if (signal.aborted) return reject(new BraidError('cancelled', 'Cancelled.'))
    const worker = new Worker(WORKER, {
      eval: true,
      workerData: {
        jinja: createRequire(import.meta.url).resolve('@huggingface/jinja'),
        template,
        values: values.map((one) => ({ ...one, add_generation_prompt: true })),
        outputChars: outputChars + Math.max(0, ...lengths),
      },
      resourceLimits: {
        maxOldGenerationSizeMb: heapMb + Math.ceil(given / 2 ** 16),
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
    worker.on('message', (renderings: Rendering[]) => end(() => resolve(renderings)))
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
