import { TemplateVariables } from '../protocol/request.ts'

/** The variables that users may set, by the names that templates use. */
const NAMES = TemplateVariables.keyof().options

/** Returns the variables that a chat template reads. */
export function variablesIn(template: string): (keyof TemplateVariables)[] {
  const code = template.replace(/\{#[^]*?#\}/g, '')
  // Neither an attribute, nor text, nor only assigned.
  return NAMES.filter((name) =>
    new RegExp(String.raw`(?<![.\w'"])${name}(?![\w'"]|\s*=(?!=))`).test(code),
  )
}

/** Returns the variables that are set but that a chat template does not read. */
export function unread(
  variables: TemplateVariables = {},
  template = '',
): (keyof TemplateVariables)[] {
  const read = variablesIn(template)
  return NAMES.filter((name) => variables[name] !== undefined && !read.includes(name))
}
