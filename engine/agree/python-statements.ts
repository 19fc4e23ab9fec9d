import type { SyntaxNode } from '@lezer/common'
import { children, OTHER, slice, type Described, type Offer } from './nodes.ts'

/** Returns what a statement of Python is. */
export function pythonStatement(node: SyntaxNode, code: string): Described {
  const text = slice(node, code).trimEnd()
  const inner =
    node.name === 'DecoratedStatement'
      ? (node.getChild('FunctionDefinition') ?? node.getChild('ClassDefinition') ?? node)
      : node
  const names = inner.getChildren('VariableName').map((name) => slice(name, code))
  const own = names.slice(0, 1)
  switch (inner.name) {
    case 'FunctionDefinition':
      return { ...OTHER, kind: 'definition', names: own, functions: own, text }
    case 'ClassDefinition':
      return { ...OTHER, kind: 'definition', names: own, offers: methodsOf(inner, code), text }
    case 'ImportStatement':
      return { ...OTHER, kind: 'import', names, text }
    case 'AssignStatement':
      return { ...assignment(inner, code), text }
    case 'UpdateStatement':
    case 'TypeDefinition':
      return { ...OTHER, kind: 'constant', text }
    case 'TryStatement':
      return { ...OTHER, kind: isImport(inner) ? 'import' : 'other', text }
    default:
      return { ...OTHER, text }
  }
}

const COMPUTED = /^(?:CallExpression|MemberExpression|VariableName|ConditionalExpression)$/

function assignment(node: SyntaxNode, code: string): Described {
  const value = node.lastChild
  const targets = children(node)
  const equals = targets.findIndex(({ name }) => name === 'AssignOp')
  const names = targets
    .slice(0, equals)
    .filter(({ name }) => name === 'VariableName')
    .map((name) => slice(name, code))
  if (value?.name === 'LambdaExpression')
    return { ...OTHER, kind: 'definition', names, functions: names }
  return { ...OTHER, kind: 'constant', names, maybe: COMPUTED.test(value?.name ?? '') ? names : [] }
}

/** Returns whether a `try` only imports a module, or does without it. */
function isImport(node: SyntaxNode): boolean {
  const only = /^(?:ImportStatement|AssignStatement|PassStatement|:)$/
  const bodies = node.getChildren('Body').flatMap(children)
  return (
    bodies.some(({ name }) => name === 'ImportStatement') &&
    bodies.every(({ name }) => only.test(name))
  )
}

/** Returns the methods of a class that can be called without making an object from arguments. */
function methodsOf(node: SyntaxNode, code: string): Offer[] {
  const [holder] = node.getChildren('VariableName').map((name) => slice(name, code))
  const methods = children(node.getChild('Body') ?? node).flatMap((part) => {
    const method = part.name === 'DecoratedStatement' ? part.getChild('FunctionDefinition') : part
    if (method?.name !== 'FunctionDefinition') return []
    const decorators = part.getChildren('Decorator').map((one) => slice(one, code))
    return {
      name: slice(method.getChild('VariableName') ?? method, code),
      isStatic: decorators.some((one) => /^@\s*(?:staticmethod|classmethod)\b/.test(one)),
      needed: neededBy(method),
    }
  })
  const isMade = methods.every(({ name, needed }) => name !== '__init__' || needed <= 1)
  return methods
    .filter(({ name, isStatic }) => !name.startsWith('__') && (isStatic || isMade))
    .map(({ name, isStatic }) => ({ name, as: `${holder}${isStatic ? '' : '()'}.${name}` }))
}

/** Returns the number of parameters that have no default, `self` among them. */
function neededBy(method: SyntaxNode): number {
  let [needed, isOpen, starred] = [0, false, false]
  for (const { name } of children(method.getChild('ParamList') ?? method)) {
    if (name === ',') [isOpen, starred] = [false, false]
    else if (name === '*' || name === '**') starred = true
    else if (name === 'VariableName' && !isOpen && !starred) [needed, isOpen] = [needed + 1, true]
    else if (name === 'AssignOp' && isOpen) needed--
  }
  return needed
}
