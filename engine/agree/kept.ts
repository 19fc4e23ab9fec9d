import type { ProgramLanguage } from '../protocol/agreement.ts'
import { familyOf, readsInput } from './code.ts'
import type { Statement } from './statements.ts'

/** Which statements of an attempt are its program: what defines, and what the function needs. */

/** What only shows or tests the function, whatever it uses. */
const SHOWS = /^assert\b|^if\b[^\n]*(?:\b__name__\b|\brequire\.main\b)/
/** Settings of the interpreter, which no name tells. */
const SETS =
  /^(?:sys\.|threading\.)?(?:setrecursionlimit|set_int_max_str_digits|stack_size)\s*\(|^(?:random\.)?seed\s*\(|^(?:decimal\.)?(?:getcontext\(\)\.\w+\s*=|setcontext\s*\()/

/**
 * Returns the statements of a program, in order: imports, definitions, constants that call nothing, and
 * what gives a value to, or changes, a name that `root` uses or that one of those needs. Other calls at
 * the top level are left out, and what reads standard input.
 */
export function kept(
  statements: readonly Statement[],
  root: Statement,
  language: ProgramLanguage,
): Statement[] {
  const needed = neededBy(root, statements, language)
  return statements.filter((one) => {
    const { kind, acts, text } = one
    if (needed.has(one)) return true
    if (kind === 'import' || kind === 'definition') return true
    if (familyOf(language) === 'python' && SETS.test(text)) return true
    return kind === 'constant' && !acts && !readsInput(text, language)
  })
}

/** Returns the statements that `root` needs, itself among them. */
function neededBy(
  root: Statement,
  statements: readonly Statement[],
  language: ProgramLanguage,
): Set<Statement> {
  const defined = new Map<string, Statement[]>()
  for (const one of statements)
    for (const name of [...one.names, ...one.binds, ...one.globals])
      if (one.kind !== 'import') defined.set(name, [...(defined.get(name) ?? []), one])
  const by = new Map<string, Statement[]>()
  for (const one of statements) {
    if (one.kind === 'import' || SHOWS.test(one.text)) continue
    if (one.kind !== 'definition' && readsInput(one.text, language)) continue
    for (const name of effects(one, defined))
      if (defined.has(name)) by.set(name, [...(by.get(name) ?? []), one])
  }
  const needed = new Set([root])
  const names = [...root.names, ...root.uses]
  for (const name of names)
    for (const one of by.get(name) ?? []) {
      if (needed.has(one)) continue
      needed.add(one)
      names.push(...one.names, ...one.uses)
    }
  return needed
}

/** Returns the names that a statement gives a value or changes, by the functions that it calls as well. */
function effects(one: Statement, defined: ReadonlyMap<string, Statement[]>): Set<string> {
  const called = [...one.calls].flatMap((name) => defined.get(name) ?? [])
  return new Set([
    ...one.names,
    ...one.binds,
    ...one.changes,
    ...called.flatMap(({ writes }) => [...writes]),
    ...(called.length > 0 ? one.passes : []),
  ])
}
