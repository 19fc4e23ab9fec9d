import type { TemplateVariables } from '../protocol/request.ts'
import type { ModelInfo } from '../protocol/wire.ts'

/** The variables that a template reads; of `reasoning_effort`, the words to choose from. */
export type ReadVariables = NonNullable<ModelInfo['templateVariables']>

const LEVELS = ['none', 'no_think', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']
const USUAL = ['low', 'medium', 'high']

/** Returns the variables that a chat template reads, of those that users may set. */
export function variablesIn(template: string): ReadVariables {
  const code = template.replace(/\{#[^]*?#\}/g, '')
  // Matches no attributes, no strings, and no names that are only assigned.
  const reads = (name: keyof TemplateVariables) =>
    new RegExp(String.raw`(?<![.\w'"])${name}(?![\w'"]|\s*=(?!=))`).test(code)
  const known = LEVELS.filter((level) => new RegExp(`(['"])${level}\\1`).test(code))
  return {
    ...(reads('enable_thinking') && { enable_thinking: true }),
    ...(reads('reasoning_effort') && { reasoning_effort: known.length > 1 ? known : USUAL }),
  }
}

/** Returns the variables that are set but that a chat template does not read. */
export function unread(variables: TemplateVariables = {}, template = ''): string[] {
  const read = variablesIn(template)
  return (Object.keys(variables) as (keyof TemplateVariables)[]).filter(
    (name) => variables[name] !== undefined && read[name] === undefined,
  )
}
