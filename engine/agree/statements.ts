import type { NodeType, SyntaxNode, Tree } from '@lezer/common'
import { parser as javascript } from '@lezer/javascript'
import { parser as python } from '@lezer/python'
import type { ProgramLanguage } from '../protocol/agreement.ts'

/** The top-level statements of a program that a model wrote, as parsers see them. */

export interface Statement {
  /**
   * `definition`: of a function or a class. `constant`: an assignment. `other`: everything that
   * only does something, such as a call or a test.
   */
  kind: 'import' | 'definition' | 'constant' | 'other'
  /** Names that it gives a meaning, and whether they are functions. */
  names: readonly string[]
  isFunction: boolean
  /** Methods of a class that can be made without arguments; else empty. */
  methods: readonly string[]
  /** Names that it uses. */
  uses: ReadonlySet<string>
  /** Names that it calls while it is carried out itself, not within a function. */
  calls: ReadonlySet<string>
  text: string
  /** Where it begins in what was parsed. */
  from: number
}

export interface Parsed {
  /** Without statements that hold a syntax error. */
  statements: Statement[]
  /** Whether no statement holds a syntax error. */
  whole: boolean
  /** Whether a script holds types, which JavaScript refuses. */
  typed: boolean
}

const typescript = javascript.configure({ dialect: 'ts' })
const PARSERS = { python, javascript, typescript }

/** Lines with which a statement begins, from which a parser goes on behind a syntax error. */
const STARTS = {
  python:
    /^(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*[([]|class[ \t]+\w+[ \t]*[:([]|@[\w.]+|from[ \t]+[\w.]+[ \t]+import\b|import[ \t]+[\w.]+(?:[ \t]+as[ \t]+\w+)?(?:[ \t]*,[ \t]*[\w.]+)*[ \t]*$|[A-Z_][A-Z0-9_]*[ \t]*(?::[^=\n]+)?=[^=]|\w+[ \t]*=[ \t]*lambda\b)/gm,
  javascript:
    /^(?:export[ \t]+(?:default[ \t]+)?)?(?:(?:async[ \t]+)?function\b[ \t*]+[\w$]+[ \t]*[(<]|(?:const|let|var)[ \t]+[\w${[]|class[ \t]+[\w$]+[ \t{<]|interface[ \t]+\w+|type[ \t]+\w+[ \t<=]|enum[ \t]+\w+|import\b[^\n]*from)/gm,
}
const startsOf = (language: ProgramLanguage) =>
  STARTS[language === 'python' ? 'python' : 'javascript']

/** Returns where a line begins a statement, also within prose; -1 if none does. */
export const firstStart = (code: string, language: ProgramLanguage): number =>
  code.search(startsOf(language))

/**
 * Parses code. Behind a syntax error, each stretch from one beginning of a statement to the next is
 * parsed alone, so that prose or an unfinished statement spoils only its own stretch. The work is
 * linear in the length of the code.
 */
export function parse(code: string, language: ProgramLanguage): Parsed {
  const tree = treeOf(code, language)
  const typed = has(tree.topNode, ({ name }) => TYPES.test(name))
  const broken = children(tree.topNode).find(hasError)
  const whole = broken === undefined
  const statements = statementsOf(tree, code, language).filter(
    ({ from }) => whole || from < broken.from,
  )
  if (whole) return { statements, whole, typed }
  const starts = [...code.matchAll(startsOf(language))].map(({ index }) => index)
  const behind = starts.filter((start) => start >= broken.from)
  // A decorator belongs to what follows it.
  const cuts = behind.filter((start, i) => i === 0 || code[behind[i - 1]!] !== '@')
  const more = cuts.flatMap((start, i) => {
    const part = code.slice(start, cuts[i + 1])
    return statementsOf(treeOf(part, language), part, language)
  })
  return {
    statements: [...statements, ...more].filter(({ kind }) => kind !== 'other'),
    whole,
    typed,
  }
}

const TYPES =
  /^(?:TypeAnnotation|TypeParamList|TypeArgList|TypeAliasDeclaration|InterfaceDeclaration|EnumDeclaration|NamespaceDeclaration|AmbientDeclaration)$/

/** The grammar of Python lacks a `yield` without a value; a word of its length stands in for it. */
const BARE_YIELD = /\byield\b(?=[ \t]*(?:[)\]#;]|\r?$))/gm

const treeOf = (code: string, language: ProgramLanguage): Tree =>
  PARSERS[language].parse(language === 'python' ? code.replace(BARE_YIELD, 'False') : code)

function has(node: SyntaxNode, is: (part: { name: string; type: NodeType }) => boolean): boolean {
  let found = false
  node.cursor().iterate((part) => {
    if (is(part)) found = true
    return !found
  })
  return found
}

const hasError = (node: SyntaxNode): boolean => has(node, ({ type }) => type.isError)

function statementsOf(tree: Tree, code: string, language: ProgramLanguage): Statement[] {
  const describe = language === 'python' ? pythonStatement : scriptStatement
  return children(tree.topNode)
    .filter((node) => !/Comment$|^;$/.test(node.name) && !hasError(node))
    .map((node) => ({
      ...describe(node, code, language),
      ...namesIn(node, code),
      from: node.from,
    }))
}

type Described = Omit<Statement, 'uses' | 'calls' | 'from'>

const OTHER: Described = { kind: 'other', names: [], isFunction: false, methods: [], text: '' }

function pythonStatement(node: SyntaxNode, code: string): Described {
  const text = code.slice(node.from, node.to).trimEnd()
  const inner =
    node.name === 'DecoratedStatement'
      ? (node.getChild('FunctionDefinition') ?? node.getChild('ClassDefinition') ?? node)
      : node
  const names = inner.getChildren('VariableName').map((name) => slice(name, code))
  switch (inner.name) {
    case 'FunctionDefinition':
      return { ...OTHER, kind: 'definition', names: names.slice(0, 1), isFunction: true, text }
    case 'ClassDefinition':
      return {
        ...OTHER,
        kind: 'definition',
        names: names.slice(0, 1),
        methods: pythonMethods(inner, code),
        text,
      }
    case 'ImportStatement':
      return { ...OTHER, kind: 'import', names, text }
    case 'AssignStatement': {
      const value = inner.lastChild
      const isFunction = value?.name === 'LambdaExpression'
      const targets = children(inner)
      const equals = targets.findIndex(({ name }) => name === 'AssignOp')
      const assigned = targets
        .slice(0, equals)
        .filter(({ name }) => name === 'VariableName')
        .map((name) => slice(name, code))
      const kind = isFunction ? 'definition' : 'constant'
      return { ...OTHER, kind, names: assigned, isFunction, text }
    }
    case 'UpdateStatement':
    case 'TypeDefinition':
      return { ...OTHER, kind: 'constant', text }
    case 'TryStatement': {
      const only = /^(?:ImportStatement|AssignStatement|PassStatement|:)$/
      const bodies = inner.getChildren('Body').flatMap(children)
      const imports = bodies.filter(({ name }) => name === 'ImportStatement')
      if (imports.length === 0 || !bodies.every(({ name }) => only.test(name)))
        return { ...OTHER, text }
      return { ...OTHER, kind: 'import', text }
    }
    default:
      return { ...OTHER, text }
  }
}

function pythonMethods(node: SyntaxNode, code: string): string[] {
  const methods = children(node.getChild('Body') ?? node)
    .map((part) =>
      part.name === 'DecoratedStatement' ? part.getChild('FunctionDefinition') : part,
    )
    .filter((part) => part?.name === 'FunctionDefinition')
  const named = methods.map((method) => ({
    name: slice(method!.getChild('VariableName') ?? method!, code),
    params: method!.getChild('ParamList')?.getChildren('VariableName').length ?? 0,
  }))
  const needsArguments = named.some(({ name, params }) => name === '__init__' && params > 1)
  return needsArguments
    ? []
    : named.map(({ name }) => name).filter((name) => !name.startsWith('__'))
}

function scriptStatement(node: SyntaxNode, code: string, language: ProgramLanguage): Described {
  const exported =
    node.name === 'ExportDeclaration'
      ? children(node).find(({ name }) => /Declaration$/.test(name))
      : node
  if (exported === undefined) return { ...OTHER, text: slice(node, code) }
  const text = slice(exported, code).trimEnd()
  const names = exported
    .getChildren('VariableDefinition')
    .map((name) => slice(name, code))
    .filter((name) => name !== '')
  switch (exported.name) {
    case 'FunctionDeclaration': {
      // Without a body it is an overload of TypeScript, or not a function at all.
      if (exported.getChild('Block') !== null)
        return { ...OTHER, kind: 'definition', names, isFunction: true, text }
      return { ...OTHER, kind: language === 'typescript' ? 'definition' : 'other', text }
    }
    case 'ClassDeclaration': {
      const methods = (exported.getChild('ClassBody')?.getChildren('MethodDeclaration') ?? []).map(
        (method) => ({
          name: slice(method.getChild('PropertyDefinition') ?? method, code),
          params: method.getChild('ParamList')?.getChildren('VariableDefinition').length ?? 0,
        }),
      )
      const needsArguments = methods.some(
        ({ name, params }) => name === 'constructor' && params > 0,
      )
      return {
        ...OTHER,
        kind: 'definition',
        names,
        methods: needsArguments ? [] : methods.map(({ name }) => name),
        text,
      }
    }
    case 'InterfaceDeclaration':
    case 'TypeAliasDeclaration':
    case 'EnumDeclaration':
    case 'NamespaceDeclaration':
    case 'AmbientDeclaration':
      return { ...OTHER, kind: 'definition', text }
    case 'ImportDeclaration':
      return { ...OTHER, kind: 'import', names, text }
    case 'VariableDeclaration': {
      const isFunction =
        names.length === 1 &&
        ['ArrowFunction', 'FunctionExpression'].some((kind) => exported.getChild(kind) !== null)
      const kind = isFunction ? 'definition' : /\brequire\s*\(/.test(text) ? 'import' : 'constant'
      return { ...OTHER, kind, names, isFunction, text }
    }
    default:
      return { ...OTHER, text }
  }
}

/** Nodes whose contents are carried out later than the statement that holds them. */
const LATER =
  /^(?:FunctionDefinition|LambdaExpression|FunctionDeclaration|FunctionExpression|ArrowFunction|MethodDeclaration)$/

function namesIn(node: SyntaxNode, code: string): Pick<Statement, 'uses' | 'calls'> {
  const [uses, calls] = [new Set<string>(), new Set<string>()]
  let later = 0
  node.cursor().iterate(
    (part) => {
      if (LATER.test(part.name)) later++
      if (part.name === 'VariableName') uses.add(code.slice(part.from, part.to))
      if (later === 0 && /^(?:CallExpression|NewExpression)$/.test(part.name)) {
        const called = part.node.getChild('VariableName')
        if (called !== null) calls.add(slice(called, code))
      }
    },
    (part) => {
      if (LATER.test(part.name)) later--
    },
  )
  return { uses, calls }
}

function children(node: SyntaxNode): SyntaxNode[] {
  const all: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) all.push(child)
  return all
}

const slice = (node: SyntaxNode, code: string): string => code.slice(node.from, node.to)
