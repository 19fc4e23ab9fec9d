import {
  because,
  MAX_PROGRAM_CHARS,
  type ProgramLanguage,
  type Reason,
} from '../protocol/agreement.ts'
import { blocksIn, type Block } from './blocks.ts'
import { firstStart, parse, type Statement } from './statements.ts'

/** The code of an attempt. */

/** The code of one attempt. */
export interface Code {
  language: ProgramLanguage
  /** All of its statements, in order. */
  statements: Statement[]
  /** The last whole block that reads standard input, as it stands; null if there is none. */
  script: string | null
}

/** Why an attempt holds no code that could run. */
export interface NoCode {
  why: Reason
}

/** A map, since a fence may have any tag, such as `constructor`. */
const LANGUAGES: ReadonlyMap<string, ProgramLanguage> = new Map(
  Object.entries({
    python: 'py python python3 py3 python2 pycon ipython',
    javascript: 'js javascript jsx mjs cjs node nodejs',
    typescript: 'ts typescript tsx mts',
  } satisfies Record<ProgramLanguage, string>).flatMap(([language, tags]) =>
    tags.split(' ').map((tag) => [tag, language as ProgramLanguage] as const),
  ),
)
/** Tags of languages that no interpreter here runs; every other tag is not of a program. */
const OTHERS =
  /^(?:c|cc|cpp|c\+\+|csharp|cs|c#|java|kotlin|go|golang|rust|rs|swift|ruby|rb|php|perl|scala|haskell|hs|r|julia|lua|dart|elixir|clojure|ocaml|fsharp|zig|nim|sql|matlab|fortran|pascal|assembly|asm)$/

const PYTHON_LINE =
  /^[ \t]*(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[^{\n]*:[ \t]*$|\w+[ \t]*=[ \t]*lambda\b)/m
const PYTHON_HINT = /\binput\s*\(|\bprint\s*\(|^[ \t]*(?:import|from)[ \t]+\w+[^'"]*$/m
const SCRIPT_LINE = /\bfunction\b|=>|^[ \t]*(?:const|let|var)[ \t]|^[ \t]*class[ \t]+\w+[^:\n]*\{/m

const READS: Record<Family, RegExp> = {
  python:
    /\binput\s*\(|\bstdin\b|\bfileinput\b|\bopen\s*\(\s*0\b|['"]\/dev\/stdin['"]|\bos\s*\.\s*(?:read|fdopen)\s*\(\s*0\b/,
  javascript:
    /\bstdin\b|\breadFileSync\s*\(\s*0\b|['"]\/dev\/stdin['"]|\breadline\s*\(|\bcreateInterface\s*\(|\bprompt\s*\(/,
}

type Family = 'python' | 'javascript'

export const familyOf = (language: ProgramLanguage): Family =>
  language === 'python' ? 'python' : 'javascript'

export const readsInput = (code: string, language: ProgramLanguage): boolean =>
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
    const language = LANGUAGES.get(block.tag) ?? (block.tag === '' ? guess(block.code) : null)
    // An interactive session shows calls; it defines nothing.
    if (language === null || /^\s*>>>/.test(block.code) || left <= 0) return []
    const code = block.code.slice(0, left)
    left -= code.length
    return [readBlock({ ...block, code }, language)]
  })
  const held = parsed.filter(
    ({ statements, script }) => statements.some(({ kind }) => kind !== 'other') || script !== null,
  )
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
    statements: merged(own.map(({ statements }) => statements)),
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

function readBlock({ code, closed }: Block, tagged: ProgramLanguage): ReadBlock {
  const plain = parse(code, tagged)
  const isTyped = tagged === 'javascript' && plain.typed
  const language = isTyped ? 'typescript' : tagged
  const { statements, whole } = isTyped ? parse(code, language) : plain
  const script = scriptOf(code, language, whole)
  const last = statements.at(-1)
  // Python may go on behind any line; a script's definition ends where its bracket does.
  const isOpen = !closed && language === 'python' && code.slice(last?.to).trim() === ''
  if (isOpen && last?.kind === 'definition') statements.splice(-1, 1, { ...last, cut: true })
  return { language, statements, script }
}

/** Returns a program that reads standard input: the block, or the program within prose. */
function scriptOf(code: string, language: ProgramLanguage, whole: boolean): string | null {
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

/** Joins the statements of several blocks. */
function merged(blocks: readonly Statement[][]): Statement[] {
  const later = new Set<string>()
  const result: Statement[] = []
  for (const statements of blocks.toReversed()) {
    const here = statements.filter((one) => {
      const defined = definedBy(one)
      return defined.length === 0 || !defined.every((name) => later.has(name))
    })
    result.unshift(...here)
    for (const one of here) for (const name of definedBy(one)) later.add(name)
  }
  const isFuture = ({ text }: Statement) => /^from\s+__future__\b/.test(text)
  return [...result.filter(isFuture), ...result.filter((one) => !isFuture(one))]
}

/** Returns what a later statement that defines all of it replaces. */
function definedBy({ kind, names, binds, changes, offers, text }: Statement): string[] {
  if (kind === 'import') return [`import ${text}`]
  return [...names, ...binds, ...changes, ...offers.map(({ name, as }) => name ?? as)]
}

/** Returns the commonest of several values, the first of equals; null if there are none. */
export function commonest<T>(values: readonly T[]): T | null {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null
}
