import type { SyntaxNode } from '@lezer/common'

/** What a statement's names do: the little of scopes that tells which statements need each other. */
export interface Names {
  /** Names that it uses and that are not its own, as parameters and local names are. */
  uses: ReadonlySet<string>
  /** Names that it gives a value while it is carried out itself, not within a function. */
  binds: ReadonlySet<string>
  /** Names whose values it changes meanwhile. */
  changes: ReadonlySet<string>
  /** Names that are not its own and that a call of it gives a value or changes. */
  writes: ReadonlySet<string>
  /** Those of them that a function of it declares to be global. */
  globals: ReadonlySet<string>
  /** Whether it calls anything while it is carried out itself, and the names that it calls. */
  acts: boolean
  calls: ReadonlySet<string>
  /** If it is nothing but a call by name: the names that it passes on. */
  passes: ReadonlySet<string>
}

/** Nodes whose contents are carried out later than the statement that holds them. */
const LATER =
  /^(?:FunctionDefinition|LambdaExpression|FunctionDeclaration|FunctionExpression|ArrowFunction|MethodDeclaration)$/
/** Nodes with names of their own besides. */
const INNER = /^(?:ClassDefinition|\w*ComprehensionExpression|GeneratorExpression)$/
/** Nodes whose parts are given values if they stand where a name would be. */
const UNPACKED =
  /^(?:TupleExpression|ArrayExpression|ParenthesizedExpression|ObjectPattern|ArrayPattern|PatternProperty)$/

/** A node above the one that is read. */
interface Frame {
  name: string
  /** Whether names directly in it are given values. */
  target: boolean
  /** Whether the name that it begins with is changed. */
  changed: boolean
  /** What was read of it: the number of children, the last one, and assignments that are to come. */
  count: number
  last: string
  assignments: number
  /** Whether what is read stands between `for` and `in`. */
  between: boolean
  named: boolean
}

/** Reads the names of a statement. The work is linear in its length. */
export function namesIn(node: SyntaxNode, code: string): Names {
  const used = new Set<string>()
  const binds = new Set<string>()
  const changes = new Set<string>()
  const writes = new Set<string>()
  const calls = new Set<string>()
  const passes = new Set<string>()
  const own = new Set<string>()
  const globals = new Set<string>()
  let acts = false
  const frames: Frame[] = []
  let [later, inner] = [0, 0]
  node.cursor().iterate(
    (part) => {
      const parent = frames.at(-1)
      const target = parent !== undefined && isTarget(parent, part.name)
      const changed = parent !== undefined && isChanged(parent, part.name, target, frames.at(-2))
      if (part.name === 'VariableName' || part.name === 'VariableDefinition') {
        const text = code.slice(part.from, part.to)
        if (parent?.name === 'ScopeStatement') globals.add(text)
        else if (target || part.name === 'VariableDefinition') {
          const isOwn = inner > 0 && !globals.has(text)
          // JavaScript gives a value to a name outside unless it is declared.
          if (isOwn && isDeclared(part.name, parent)) own.add(text)
          else (later > 0 ? writes : binds).add(text)
        } else if (!isKeyword(parent, part.node)) used.add(text)
        if (changed) (later > 0 ? writes : changes).add(text)
        if (later === 0 && /^(?:CallExpression|NewExpression)$/.test(parent?.name ?? ''))
          calls.add(text)
        if (parent?.name === 'ArgList' && frames.at(-3)?.name === 'ExpressionStatement')
          passes.add(text)
      }
      if (later === 0 && /^(?:CallExpression|NewExpression)$/.test(part.name)) acts = true
      if (parent !== undefined) note(parent, part.name)
      if (LATER.test(part.name)) later++
      if (LATER.test(part.name) || INNER.test(part.name)) inner++
      frames.push({
        name: part.name,
        target: target && UNPACKED.test(part.name),
        changed,
        ...{ count: 0, last: '', between: false, named: false },
        assignments: part.name === 'AssignStatement' ? part.node.getChildren('AssignOp').length : 0,
      })
    },
    (part) => {
      frames.pop()
      if (LATER.test(part.name)) later--
      if (LATER.test(part.name) || INNER.test(part.name)) inner--
    },
  )
  for (const name of own) for (const names of [used, writes]) names.delete(name)
  return { uses: used, binds, changes, writes, globals, acts, calls, passes }
}

/** Notes that a child was read. */
function note(frame: Frame, child: string): void {
  frame.count++
  frame.last = child
  if (child === 'AssignOp') frame.assignments--
  if (child === 'for') frame.between = true
  if (child === 'in') frame.between = false
  if (child === 'VariableName') frame.named = true
}

/** Returns whether the next child of a node is given a value. */
function isTarget(parent: Frame, child: string): boolean {
  switch (parent.name) {
    case 'AssignStatement':
      return parent.assignments > 0 && child !== 'TypeDef'
    case 'UpdateStatement':
    case 'NamedExpression':
    case 'AssignmentExpression':
    case 'PostfixExpression':
      return parent.count === 0
    case 'WithStatement':
    case 'TryStatement':
    case 'AsPattern':
      return parent.last === 'as'
    case 'ImportStatement':
    case 'CapturePattern':
      return true
    case 'ParamList':
      return parent.last !== 'AssignOp' && parent.last !== 'Equals'
    case 'FunctionDefinition':
    case 'ClassDefinition':
    case 'TypeDefinition':
      return !parent.named
    default:
      return parent.target || parent.between
  }
}

/** Returns whether the next child of a node is changed: assigned to in part, or by a method. */
function isChanged(
  parent: Frame,
  child: string,
  target: boolean,
  above: Frame | undefined,
): boolean {
  if (parent.name === 'MemberExpression') return parent.changed && parent.count === 0
  if (child !== 'MemberExpression') return false
  const isCalled = parent.name === 'CallExpression' && parent.count === 0
  return target || (isCalled && above?.name === 'ExpressionStatement')
}

/** Returns whether a name that is given a value in a function is the function's own. */
const isDeclared = (name: string, parent: Frame | undefined): boolean =>
  name === 'VariableDefinition' ||
  (parent?.name !== 'AssignmentExpression' && parent?.name !== 'PostfixExpression')

/** Returns whether a name is that of a keyword argument. */
const isKeyword = (parent: Frame | undefined, node: SyntaxNode): boolean =>
  parent?.name === 'ArgList' && node.nextSibling?.name === 'AssignOp'
