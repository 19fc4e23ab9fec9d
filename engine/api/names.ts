import { MAX_PATHS, type Strategy } from '../protocol/request.ts'
import { isStrategy, ruleOf } from '../protocol/shapes.ts'
import { ApiError } from './errors.ts'

/** How a request thinks, as far as a name says it. */
export interface Way {
  strategy: Strategy
  /** Absent: the model's default. */
  paths?: number
}

const WAY = /^([a-z]+(?:-[a-z]+)*)(?:-(\d{1,4}))?$/

/**
 * Returns the way that a text names, such as `parallel-8` or `fork-join`; undefined if it names none.
 * Throws if it names a number of paths that its strategy does not take. `param`: the field to blame.
 */
export function wayOf(text: string, param: string): Way | undefined {
  const [, strategy, number] = WAY.exec(text) ?? []
  if (strategy === undefined || !isStrategy(strategy)) return undefined
  if (number === undefined) return { strategy }
  const paths = Number(number)
  if (!ruleOf(strategy).paths)
    throw new ApiError(400, `'${strategy}' takes no number of paths: write '${strategy}'.`, {
      param,
    })
  if (paths < 1 || paths > MAX_PATHS)
    throw new ApiError(400, `'${text}' must have 1 to ${MAX_PATHS} paths.`, { param })
  return { strategy, paths }
}

/**
 * Splits the name of a model at its last colon: `NAME:STRATEGY-PATHS`. A last part that names no
 * strategy belongs to the name, as in `qwen2.5:7b`.
 */
export function splitName(text: string): { name: string; way?: Way } {
  const colon = text.lastIndexOf(':')
  const way = colon < 0 ? undefined : wayOf(text.slice(colon + 1), 'model')
  return way === undefined ? { name: text } : { name: text.slice(0, colon), way }
}

/** Returns a way as names spell it. */
export const wayName = ({ strategy, paths }: Way): string =>
  paths === undefined ? strategy : `${strategy}-${paths}`
