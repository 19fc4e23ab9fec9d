import { because, type ProgramLanguage } from '../protocol/agreement.ts'
import { codeIn, commonest, familyOf, type Code, type NoCode } from './code.ts'
import { kept } from './kept.ts'
import { commonestFunction, namedFunction, wantsFunction } from './named.ts'
import type { Statement } from './statements.ts'

/** Programs out of the texts of attempts. */

/** What all attempts are about. */
export interface Asked {
  /** The function that is called; null for programs that read standard input. */
  function: string | null
  /** The language of most programs; null if there are none. */
  language: ProgramLanguage | null
  /** How the first program that has it declares the function. */
  signature: string | null
}

export interface Program {
  language: ProgramLanguage
  source: string
  /** Whether its end may be missing. */
  cut?: true
}

/** The programs of a question's attempts; each is comparable, or says why not. */
export interface Programs extends Asked {
  programs: (Program | NoCode)[]
}

/**
 * Returns the programs of attempts at a question: of those in the language of most of them, the
 * definitions, with the function that the question names, else with the one that most define. If at
 * least half read standard input, and the question names no function or asks for a program that reads
 * and prints, the programs as they stand.
 */
export function programsIn(question: string, attempts: readonly string[]): Programs {
  const codes = attempts.map(codeIn)
  const held = codes.filter((code) => 'language' in code)
  const family = commonest(held.map((code) => familyOf(code.language)))
  const none = { function: null, signature: null }
  if (family === null) return { ...none, language: null, programs: codes.map(withoutProgram) }
  const own = held.filter((code) => familyOf(code.language) === family)
  const isTyped = own.some((code) => code.language === 'typescript')
  const language = isTyped ? 'typescript' : family
  const named = namedFunction(question, own)
  const reading = own.filter(({ script }) => script !== null).length
  const readMost = reading > 0 && 2 * reading >= own.length
  const wantsInput =
    named === null
      ? readMost || (reading > 0 && STDIN.test(question))
      : readMost && READS.test(question) && !wantsFunction(question, named)
  if (wantsInput)
    return { ...none, language, programs: codes.map((code) => asScript(code, language)) }
  const name = named ?? commonestFunction(own)
  return {
    ...{ function: name, language, signature: name === null ? null : signatureOf(own, name) },
    programs: codes.map((code) => asFunction(code, language, name)),
  }
}

const STDIN =
  /\bstdin\b|\bstandard[ -]input\b|\binput\(\)|\bfrom (?:the )?(?:console|keyboard)\b|标准输入|標準輸入|標準入力|从键盘|\bStandardeingabe\b|\bentr[ée]e standard\b|\bentrada (?:est[áa]ndar|padr[ãa]o)/i
/** Questions for a program that reads and prints. */
const READS = new RegExp(
  `${STDIN.source}|\\breads?\\b[^]{0,400}\\b(?:print|output|write|display)s?\\b|\\binput format\\b|^[ \\t#*]*(?:sample )?input\\b[^]{0,2000}^[ \\t#*]*(?:sample )?output\\b|(?:读入|读取|輸入|输入)[^]{0,400}(?:输出|輸出|打印)|入力[^]{0,400}出力`,
  'im',
)

const withoutProgram = (code: Code | NoCode): NoCode =>
  'why' in code ? code : { why: because('no-program') }

function inLanguage(code: Code | NoCode, language: ProgramLanguage): code is Code {
  return 'language' in code && familyOf(code.language) === familyOf(language)
}

const otherCode = (code: Code | NoCode): NoCode =>
  'why' in code ? code : { why: because('other-language', code.language) }

function asScript(code: Code | NoCode, language: ProgramLanguage): Program | NoCode {
  if (!inLanguage(code, language)) return otherCode(code)
  return code.script === null
    ? { why: because('no-script') }
    : { language: code.language, source: code.script }
}

function asFunction(
  code: Code | NoCode,
  language: ProgramLanguage,
  name: string | null,
): Program | NoCode {
  if (!inLanguage(code, language)) return otherCode(code)
  if (name === null) return { why: because('no-function') }
  const { statements } = code
  const definition = statements.findLast(
    ({ names, kind }) => kind !== 'import' && names.includes(name),
  )
  const offered = definition === undefined ? offeredAs(statements, name) : null
  const root = definition ?? offered?.by
  if (root === undefined) return { why: because('not-defined', name) }
  const lines = kept(statements, root, language).map(({ text }) => text)
  if (offered !== null)
    lines.push(`${familyOf(language) === 'python' ? '' : 'const '}${name} = ${offered.as}`)
  const source = `${lines.filter((line) => line !== '').join('\n\n')}\n`
  return { language: code.language, source, ...(root.cut === true && { cut: true }) }
}

/** Returns how a function can be called that has this name elsewhere, or none. */
function offeredAs(
  statements: readonly Statement[],
  name: string,
): { by: Statement; as: string } | null {
  const offers = statements.flatMap((by) => by.offers.map((offer) => ({ by, ...offer })))
  return (
    offers.findLast((offer) => offer.name === name) ??
    offers.findLast((offer) => offer.name === null) ??
    null
  )
}

function signatureOf(codes: readonly Code[], name: string): string | null {
  for (const { statements } of codes) {
    const text = statements.findLast((one) => one.functions.includes(name))?.text
    const line = text?.split('\n').find((one) => one.includes(name))
    if (line !== undefined)
      return line
        .trim()
        .replace(/\s*[:{]\s*$/, '')
        .slice(0, 200)
  }
  return null
}
