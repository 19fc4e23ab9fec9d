import type { NodeType, SyntaxNode, Tree } from '@lezer/common'
import { parser as javascript } from '@lezer/javascript'
import { parser as python } from '@lezer/python'
import type { ProgramLanguage } from '../protocol/agreement.ts'
import { namesIn, type Names } from './names.ts'
import { children, type Described } from './nodes.ts'
import { pythonStatement } from './python-statements.ts'
import { scriptStatement } from './script-statements.ts'

/** The top-level statements of a program that a model wrote, as parsers see them. */

export interface Statement extends Described, Names {
  /** Where it begins in what was parsed, and ends. */
  from: number
  to: number
  /** Whether its end may be missing: the text ends there, within a block that was not closed. */
  cut?: boolean
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
    const found = statementsOf(treeOf(part, language), part, language)
    return found
      .filter(({ kind }) => kind !== 'other')
      .map((one) => ({ ...one, from: start + one.from, to: start + one.to }))
  })
  return { statements: [...statements, ...more], whole, typed }
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
  return children(tree.topNode)
    .filter((node) => !/Comment$|^;$/.test(node.name) && !hasError(node))
    .map((node) => ({
      ...(language === 'python'
        ? pythonStatement(node, code)
        : scriptStatement(node, code, language)),
      ...namesIn(node, code),
      from: node.from,
      to: node.to,
    }))
}
