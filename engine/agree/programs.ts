import { ownEntry } from '../protocol/own.ts'
import {
  because,
  MAX_PROGRAM_CHARS,
  type ProgramLanguage,
  type Reason,
} from '../protocol/agreement.ts'
import { blocksIn, type Block } from './blocks.ts'
import { firstStart, parse, type Parsed, type Statement } from './statements.ts'

/** Programs out of the texts of attempts. */

/** The code of one attempt. */
export interface Code {
  language: ProgramLanguage
  /** Imports, definitions and constants, in order. */
  statements: Statement[]
  /** The last whole block that reads standard input, as it stands; null if there is none. */
  script: string | null
}

/** Why an attempt holds no code that could run. */
export interface NoCode {
  why: Reason
}

const LANGUAGES: Readonly<Record<string, ProgramLanguage>> = {
  py: 'python',
  python: 'python',
  python3: 'python',
  js: 'javascript',
  javascript: 'javascript',
  jsx: 'javascript',
  mjs: 'javascript',
  node: 'javascript',
  ts: 'typescript',
  typescript: 'typescript',
  tsx: 'typescript',
}
/** Tags of languages that no interpreter here runs; every other tag is not of a program. */
const OTHERS =
  /^(?:c|cc|cpp|c\+\+|csharp|cs|c#|java|kotlin|go|golang|rust|rs|swift|ruby|rb|php|perl|scala|haskell|hs|r|julia|lua|dart|elixir|clojure|ocaml|fsharp|zig|nim|sql|matlab|fortran|pascal|assembly|asm)$/

const PYTHON_LINE =
  /^[ \t]*(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[^{\n]*:[ \t]*$|\w+[ \t]*=[ \t]*lambda\b)/m
const PYTHON_HINT = /\binput\s*\(|\bprint\s*\(|^[ \t]*(?:import|from)[ \t]+\w+[^'"]*$/m
const SCRIPT_LINE = /\bfunction\b|=>|^[ \t]*(?:const|let|var)[ \t]|^[ \t]*class[ \t]+\w+[^:\n]*\{/m

const READS: Record<Family, RegExp> = {
  python: /\binput\s*\(|\bsys\s*\.\s*stdin\b|\bfileinput\b|\bfrom\s+sys\s+import\b[^\n]*\bstdin\b/,
  javascript:
    /\bprocess\s*\.\s*stdin\b|\breadFileSync\s*\(\s*(?:0|['"]\/dev\/stdin['"])|\breadline\s*\(|\bcreateInterface\s*\(/,
}

type Family = 'python' | 'javascript'

export const familyOf = (language: ProgramLanguage): Family =>
  language === 'python' ? 'python' : 'javascript'

const readsInput = (code: string, language: ProgramLanguage): boolean =>
  READS[familyOf(language)].test(code)

/** Returns the language of code without a tag; null if it looks like none of them. */
function guess(code: string): ProgramLanguage | null {
  if (PYTHON_LINE.test(code)) return 'python'
  if (SCRIPT_LINE.test(code)) return 'javascript'
  return PYTHON_HINT.test(code) ? 'python' : null
}

/**
 * Returns the code of an attempt: of its fenced blocks, or of the text if there are none. What a
 * later block defines again replaces the earlier definition. A definition or a script that is cut
 * off is left out, as is code behind the first 32,768 characters.
 */
export function codeIn(attempt: string): Code | NoCode {
  const fenced = blocksIn(attempt)
  const blocks = fenced.length > 0 ? fenced : unfenced(attempt)
  let left = MAX_PROGRAM_CHARS
  const parsed = blocks.flatMap((block) => {
    const language = ownEntry(LANGUAGES, block.tag) ?? (block.tag === '' ? guess(block.code) : null)
    // An interactive session shows calls; it defines nothing.
    if (language === null || /^\s*>>>/.test(block.code) || left <= 0) return []
    const code = block.code.slice(0, left)
    left -= code.length
    return [readBlock({ ...block, code }, language)]
  })
  const held = parsed.filter(({ statements, script }) => statements.length > 0 || script !== null)
  const family = commonest(held.flatMap(familiesOf))
  if (family === null) {
    const other = fenced.find(({ tag }) => OTHERS.test(tag))
    if (other !== undefined) return { why: because('no-interpreter', other.tag) }
    return { why: because(fenced.length > 0 ? 'no-function' : 'no-code') }
  }
  const own = held.filter(({ language }) => familyOf(language) === family)
  const isTyped = own.some(({ language }) => language === 'typescript')
  return {
    language: isTyped ? 'typescript' : family,
    statements: kept(merged(own.map(({ statements }) => statements)), family),
    script: own.findLast(({ script }) => script !== null)?.script ?? null,
  }
}

/** Returns the family of a block's language once per definition, and at least once. */
function familiesOf({ language, statements }: ReadBlock): Family[] {
  const definitions = statements.filter(({ kind }) => kind === 'definition')
  return Array.from({ length: Math.max(1, definitions.length) }, () => familyOf(language))
}

/** Returns the text from its first line that looks like code, as a block without an end. */
function unfenced(text: string): Block[] {
  const language = guess(text)
  if (language === null) return []
  if (firstStart(text, language) >= 0) return [{ tag: '', code: text, closed: false }]
  const indented = /^[ \t]+(?=def |class |function )/m.exec(text)
  if (indented === null) return [{ tag: '', code: text, closed: false }]
  const [indent] = indented
  const lines = text.slice(indented.index).split('\n')
  const code = lines.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
  return [{ tag: '', code: code.join('\n'), closed: false }]
}

interface ReadBlock {
  language: ProgramLanguage
  statements: Statement[]
  script: string | null
}

function readBlock({ code }: Block, tagged: ProgramLanguage): ReadBlock {
  const plain = parse(code, tagged)
  const isTyped = tagged === 'javascript' && plain.typed
  const language = isTyped ? 'typescript' : tagged
  const parsed = isTyped ? parse(code, language) : plain
  const script = scriptOf(code, language, parsed)
  return { language, statements: parsed.statements, script }
}

/** Returns a program that reads standard input: the block, or the program within prose. */
function scriptOf(code: string, language: ProgramLanguage, { whole }: Parsed): string | null {
  if (!readsInput(code, language)) return null
  if (whole) return code
  // Prose around a program without a fence: the longest run of lines that parses.
  const lines = code.split('\n')
  const reading = lines.findIndex((line) => readsInput(line, language))
  let start = lines.findIndex((line) => LOOKS_LIKE_CODE.test(line))
  if (start < 0 || start > reading) start = reading
  const prose = lines.findIndex((line, i) => i > reading && LOOKS_LIKE_PROSE.test(line))
  const part = lines.slice(start, prose < 0 ? undefined : prose).join('\n')
  return readsInput(part, language) && parse(part, language).whole ? part : null
}

const LOOKS_LIKE_CODE =
  /^(?:import |from \w+ import |(?:async )?def \w+\(|class \w+|[\w, ]+ = |for .*:$|while .*:$|if .*:$|const |let |var |function )/
const LOOKS_LIKE_PROSE = /^(?:#{1,6} |[-*] |\d+\. )?[A-Z][\w']*(?: [\w'`(),-]+){2,}.*[.:!?]$/

/** Keeps imports, definitions and constants. */
function kept(statements: readonly Statement[], language: ProgramLanguage): Statement[] {
  const own = new Set(
    statements.filter(({ kind }) => kind === 'definition').flatMap(({ names }) => names),
  )
  return statements.filter((statement) => {
    if (statement.kind === 'other') return false
    if (statement.kind !== 'constant') return true
    if (readsInput(statement.text, language)) return false
    // What calls the program's own functions is an example, unless its name says otherwise.
    const isExample = [...statement.calls].some((name) => own.has(name))
    return !isExample || statement.names.some((name) => /^[A-Z][A-Z0-9_]*$/.test(name))
  })
}

/** Joins the statements of several blocks. */
function merged(blocks: readonly Statement[][]): Statement[] {
  const later = new Set<string>()
  const result: Statement[] = []
  for (const statements of blocks.toReversed()) {
    const here = statements.filter(({ kind, names, text }) =>
      kind === 'import'
        ? !later.has(`import ${text}`)
        : names.length === 0 || !names.every((name) => later.has(name)),
    )
    result.unshift(...here)
    for (const { kind, names, text } of here)
      for (const name of kind === 'import' ? [`import ${text}`] : names) later.add(name)
  }
  const isFuture = ({ text }: Statement) => /^from\s+__future__\b/.test(text)
  return [...result.filter(isFuture), ...result.filter((one) => !isFuture(one))]
}

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
}

/** The programs of a question's attempts; each is comparable, or says why not. */
export interface Programs extends Asked {
  programs: (Program | NoCode)[]
}

/**
 * Returns the programs of attempts at a question: of those in the language of most of them, the
 * definitions, with the function that the question names, else with the one that most define. If no
 * function is named, and at least half read standard input, the programs as they stand.
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
  const wantsInput = reading > 0 && (STDIN.test(question) || 2 * reading >= own.length)
  if (named === null && wantsInput)
    return { ...none, language, programs: codes.map((code) => asScript(code, language)) }
  const name = named ?? commonestFunction(own)
  return {
    ...{ function: name, language, signature: name === null ? null : signatureOf(own, name) },
    programs: codes.map((code) => asFunction(code, language, name)),
  }
}

const STDIN = /\b(?:stdin|standard input|input\(\)|from (?:the )?(?:console|keyboard))\b/i

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
  const isDefined = code.statements.some(
    ({ names, kind }) => kind !== 'import' && names.includes(name),
  )
  const holder = code.statements.findLast(({ methods }) => methods.includes(name))
  if (!isDefined && holder === undefined) return { why: because('not-defined', name) }
  const lines = code.statements.map(({ text }) => text)
  if (!isDefined) lines.push(methodAsFunction(holder!.names[0]!, name, language))
  return { language: code.language, source: `${lines.join('\n\n')}\n` }
}

/** Returns a definition with which a method is called like a function. */
const methodAsFunction = (holder: string, name: string, language: ProgramLanguage): string =>
  language === 'python'
    ? `${name} = ${holder}().${name}`
    : `const ${name} = (...args) => new ${holder}().${name}(...args)`

function signatureOf(codes: readonly Code[], name: string): string | null {
  for (const { statements } of codes) {
    const text = statements.findLast((one) => one.isFunction && one.names.includes(name))?.text
    const line = text?.split('\n').find((one) => one.includes(name))
    if (line !== undefined)
      return line
        .trim()
        .replace(/\s*[:{]\s*$/, '')
        .slice(0, 200)
  }
  return null
}

/** Functions of an attempt, with methods that can be called like one. */
const functionsOf = ({ statements }: Code): string[] =>
  statements.flatMap(({ isFunction, names, methods }) => (isFunction ? names : methods))

/** Returns the function that the question names and an attempt defines; null if there is none. */
function namedFunction(question: string, codes: readonly Code[]): string | null {
  const defined = [...new Set(codes.flatMap(functionsOf))]
  const count = (name: string) => codes.filter((code) => functionsOf(code).includes(name)).length
  const ranked = defined
    .map((name) => ({ name, ...mention(question, name), count: count(name) }))
    .filter(({ strength }) => strength > 0)
    .sort((a, b) => b.strength - a.strength || b.count - a.count || a.at - b.at)
  return ranked[0]?.name ?? null
}

/** Returns how clearly a question names a function, 0 (not at all) to 4, and where. */
function mention(question: string, name: string): { strength: number; at: number } {
  let [strength, at] = [0, Infinity]
  for (let i = question.indexOf(name); i >= 0; i = question.indexOf(name, i + name.length)) {
    const [before, after] = [question[i - 1] ?? '', question[i + name.length] ?? '']
    if (/[\w$.]/.test(before) || /[\w$]/.test(after)) continue
    const ahead = question.slice(Math.max(0, i - 40), i)
    const declared = /\b(?:def|function\*?|const|let|var)\s+$/.test(ahead)
    const said = /\b(?:function|method|called|named|implement|define|write)\s+[`'"*]*$/i.test(ahead)
    const here = declared
      ? 4
      : after === '('
        ? 3
        : before === '`' && after === '`'
          ? 2
          : said || /_|[a-z][A-Z]/.test(name)
            ? 1
            : 0
    if (here > 0) at = Math.min(at, i)
    strength = Math.max(strength, here)
  }
  return { strength, at }
}

const HELPER = /^(?:_*tests?(?:_|[A-Z]|$)|main$|_)/

/**
 * Returns the function that most attempts define and that nothing else there uses, since that is the
 * one to call; null if no attempt defines one.
 */
function commonestFunction(codes: readonly Code[]): string | null {
  const counts = new Map<string, { roots: number; all: number }>()
  for (const code of codes) {
    const real = code.statements.filter(
      ({ kind, names }) => kind === 'definition' && !names.some((name) => HELPER.test(name)),
    )
    for (const name of functionsOf(code)) {
      if (HELPER.test(name)) continue
      const found = counts.get(name) ?? { roots: 0, all: 0 }
      const isUsed = real.some(({ names, uses }) => !names.includes(name) && uses.has(name))
      counts.set(name, { roots: found.roots + (isUsed ? 0 : 1), all: found.all + 1 })
    }
  }
  const [first] = [...counts].sort(([, a], [, b]) => b.roots - a.roots || b.all - a.all)
  return first?.[0] ?? null
}

/** Returns the commonest of several values, the first of equals; null if there are none. */
function commonest<T>(values: readonly T[]): T | null {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null
}
