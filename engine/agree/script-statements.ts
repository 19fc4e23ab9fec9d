import type { SyntaxNode } from '@lezer/common'
import type { ProgramLanguage } from '../protocol/agreement.ts'
import { children, OTHER, slice, type Described, type Offer } from './nodes.ts'

const FUNCTION = /^(?:ArrowFunction|FunctionExpression)$/
/** Where a script puts what it exports. */
const EXPORTS = /^(?:module\s*\.\s*)?exports$/

/** Returns what a statement of JavaScript or TypeScript is. */
export function scriptStatement(
  node: SyntaxNode,
  code: string,
  language: ProgramLanguage,
): Described {
  if (node.name === 'ExportDeclaration') return exported(node, code, language)
  const text = slice(node, code).trimEnd()
  const names = definedBy(node, code)
  switch (node.name) {
    case 'FunctionDeclaration': {
      // Without a body it is an overload of TypeScript, or not a function at all.
      if (node.getChild('Block') !== null)
        return { ...OTHER, kind: 'definition', names, functions: names, text }
      return { ...OTHER, kind: language === 'typescript' ? 'definition' : 'other', text }
    }
    case 'ClassDeclaration':
      return { ...OTHER, kind: 'definition', names, offers: methodsOf(node, names[0]!, code), text }
    case 'InterfaceDeclaration':
    case 'TypeAliasDeclaration':
    case 'AmbientDeclaration':
      return { ...OTHER, kind: 'definition', text }
    case 'EnumDeclaration':
    case 'NamespaceDeclaration':
      return { ...OTHER, kind: 'definition', names, text }
    case 'ImportDeclaration':
      return { ...OTHER, kind: 'import', names, text }
    case 'VariableDeclaration':
      return { ...variables(node, names, code), text }
    case 'ExpressionStatement': {
      const inner = node.firstChild
      return inner?.name === 'AssignmentExpression'
        ? { ...assignment(inner, code), text }
        : { ...OTHER, text }
    }
    default:
      return { ...OTHER, text }
  }
}

/** Returns the names that a declaration defines, those that it takes out of a value among them. */
function definedBy(node: SyntaxNode, code: string): string[] {
  const names: string[] = []
  for (const part of children(node))
    if (part.name === 'VariableDefinition') names.push(slice(part, code))
    else if (/Pattern$|^ImportGroup$/.test(part.name))
      part.cursor().iterate(({ name, from, to }) => {
        if (name === 'VariableDefinition') names.push(code.slice(from, to))
      })
  return names.filter((name) => name !== '')
}

/** Returns what stands behind `export`, which a script does without. */
function exported(node: SyntaxNode, code: string, language: ProgramLanguage): Described {
  const parts = children(node)
  const declared = parts.find(({ name }) => /Declaration$/.test(name))
  const value = declared ?? parts.findLast(({ name }) => name !== ';')!
  const isDefault = parts.some(({ name }) => name === 'default')
  const isNameless = declared?.name === 'FunctionDeclaration' && definedBy(value, code).length === 0
  if (isDefault && (isNameless || FUNCTION.test(value.name)))
    return {
      ...{ ...OTHER, kind: 'definition', text: `module.exports = ${slice(value, code).trimEnd()}` },
      offers: [{ name: null, as: 'module.exports' }],
    }
  if (declared !== undefined) return scriptStatement(declared, code, language)
  const group = node.getChild('ExportGroup')
  const renamed = group === null ? [] : children(group)
  const offers = renamed.flatMap(({ name, prevSibling, nextSibling }): Offer[] =>
    name === 'as' && prevSibling !== null && nextSibling !== null
      ? [{ name: slice(nextSibling, code), as: slice(prevSibling, code) }]
      : [],
  )
  return { ...OTHER, kind: offers.length > 0 ? 'definition' : 'other', offers }
}

function variables(node: SyntaxNode, names: string[], code: string): Described {
  const parts = children(node)
  const functions = parts.flatMap(({ name, prevSibling: before }, i) => {
    if (!FUNCTION.test(name) || before?.name !== 'Equals') return []
    const target = parts.slice(0, i).findLast((part) => part.name === 'VariableDefinition')
    return target === undefined ? [] : [slice(target, code)]
  })
  const isFunction = functions.length > 0 && functions.length === names.length
  const object = names.length === 1 ? node.getChild('ObjectExpression') : null
  const offers = object === null ? [] : offersOf(object, names[0]!, code)
  const isImport = /\brequire\s*\(/.test(slice(node, code))
  return {
    ...OTHER,
    kind: isFunction || offers.length > 0 ? 'definition' : isImport ? 'import' : 'constant',
    names,
    functions,
    maybe: parts.some(({ name }) => /^(?:CallExpression|MemberExpression|VariableName)$/.test(name))
      ? names
      : [],
    offers,
  }
}

/** Returns what `f = ...`, `exports.f = ...` or `module.exports = ...` define. */
function assignment(node: SyntaxNode, code: string): Omit<Described, 'text'> {
  const [target, value] = [node.firstChild!, node.lastChild!]
  const left = slice(target, code)
  const isFunction = FUNCTION.test(value.name)
  if (target.name === 'VariableName')
    return isFunction
      ? { ...OTHER, kind: 'definition', names: [left], functions: [left] }
      : { ...OTHER, kind: 'constant', names: [left], maybe: [left] }
  if (EXPORTS.test(left)) {
    const named = isFunction ? (definedBy(value, code)[0] ?? null) : null
    const offers =
      value.name === 'ObjectExpression'
        ? offersOf(value, left, code)
        : isFunction || value.name === 'CallExpression'
          ? [{ name: value.name === 'ArrowFunction' ? null : named, as: left }]
          : []
    return { ...OTHER, kind: offers.length > 0 ? 'definition' : 'other', offers }
  }
  const member = target.lastChild
  if (target.name !== 'MemberExpression' || member?.name !== 'PropertyName') return OTHER
  const name = slice(member, code)
  const holder = slice(target.firstChild!, code)
  if (EXPORTS.test(holder)) {
    const isAlias = value.name === 'VariableName' && slice(value, code) === name
    if (isAlias || /^(?:Number|String|ObjectExpression|ArrayExpression)$/.test(value.name))
      return OTHER
    return { ...OTHER, kind: 'definition', offers: [{ name, as: left }] }
  }
  return isFunction && /^[\w$]+$/.test(holder) ? { ...OTHER, offers: [bound(name, holder)] } : OTHER
}

/** Returns a function that calls a method of an object. */
const bound = (name: string, on: string): Offer => ({
  name,
  as: `(...args) => ${on}.${name}(...args)`,
})

/** Returns the functions of an object literal, and those that it has under another name. */
function offersOf(object: SyntaxNode, on: string, code: string): Offer[] {
  return object.getChildren('Property').flatMap((property) => {
    const parts = children(property)
    const key = property.getChild('PropertyDefinition')
    const [first] = parts
    if (key === null || first?.name === 'get' || first?.name === 'set') return []
    const name = slice(key, code)
    const value = parts.at(-1)!
    const isAlias = value.name === 'VariableName' && slice(value, code) !== name
    const isFunction = FUNCTION.test(value.name) || property.getChild('ParamList') !== null
    return isFunction || isAlias ? [bound(name, on)] : []
  })
}

/** Returns the methods of a class that can be called without making an object from arguments. */
function methodsOf(node: SyntaxNode, holder: string, code: string): Offer[] {
  const methods = (node.getChild('ClassBody')?.getChildren('MethodDeclaration') ?? []).map(
    (method) => ({
      name: slice(method.getChild('PropertyDefinition') ?? method, code),
      isStatic: method.getChild('static') !== null,
      needed: neededBy(method),
    }),
  )
  const isMade = methods.every(({ name, needed }) => name !== 'constructor' || needed === 0)
  return methods
    .filter(({ name, isStatic }) => name !== 'constructor' && (isStatic || isMade))
    .map(({ name, isStatic }) => bound(name, isStatic ? holder : `new ${holder}()`))
}

/** Returns the number of parameters that have no default. */
function neededBy(method: SyntaxNode): number {
  let [needed, isOpen] = [0, false]
  for (const { name } of children(method.getChild('ParamList') ?? method)) {
    if (name === ',') isOpen = false
    else if (name === 'Spread') isOpen = true
    else if (/^(?:VariableDefinition|ObjectPattern|ArrayPattern)$/.test(name) && !isOpen)
      [needed, isOpen] = [needed + 1, true]
    else if (name === 'Equals' || name === 'Optional') needed--
  }
  return needed
}
