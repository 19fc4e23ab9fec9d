import type { Code } from './code.ts'

/** Which function a question is about. */

/** Functions of an attempt, with what can be called like one. */
export const functionsOf = ({ statements }: Code): string[] =>
  statements.flatMap(({ functions, offers }) => [
    ...functions,
    ...offers.flatMap(({ name }) => name ?? []),
  ])

/** Returns the function that the question names and an attempt defines; null if there is none. */
export function namedFunction(question: string, codes: readonly Code[]): string | null {
  const counts = new Map<string, { sure: number; maybe: number }>()
  for (const code of codes) {
    const sure = new Set(functionsOf(code))
    const maybe = code.statements.flatMap((one) => one.maybe)
    for (const name of new Set([...sure, ...maybe])) {
      const count = counts.get(name) ?? { sure: 0, maybe: 0 }
      count[sure.has(name) ? 'sure' : 'maybe']++
      counts.set(name, count)
    }
  }
  const ranked = [...counts]
    .map(([name, { sure, maybe }]) => ({ name, ...mention(question, name), sure, maybe }))
    .filter(({ strength, sure }) => strength >= (sure > 0 ? 1 : CALLED))
    .sort((a, b) => b.strength - a.strength || b.sure - a.sure || b.maybe - a.maybe || a.at - b.at)
  return ranked[0]?.name ?? namelessFunction(question, codes)
}

/** Returns the function that a question calls, if an attempt exports one without a name. */
function namelessFunction(question: string, codes: readonly Code[]): string | null {
  const isThere = codes.some(({ statements }) =>
    statements.some(({ offers }) => offers.some(({ name }) => name === null)),
  )
  return isThere
    ? (/(?<![\w$.])(?!function\()([A-Za-z_$][\w$]*)\(/.exec(question)?.[1] ?? null)
    : null
}

/** How clearly a question names a function. */
const [DECLARED, SAID, CALLED, QUOTED, PLAIN] = [5, 4, 3, 2, 1]

/** What stands before the name of a function. */
const SAYS =
  /(?:\b(?:functions?|methods?|(?:function|method)(?:'s)?[ \t]+names?(?:[ \t]+is)?|names?|called|named|Funktion|Methode|namens|fonction|m[ée]thode|(?:appel|nomm)[ée]e?|funci[óo]n|m[ée]todo|llamad[oa]|fun[çc][ãa]o|chamad[oa]|funzione|chiamat[oa])|函数名?|函數名?|方法名?|名为|名為|名叫|叫做?|命名为|関数名?|メソッド名?)(?:[ \t]*[:：为為是はは])?[ \t]*[`'"*“‘「『«]*$/iu
/** What stands behind it. */
const SAID_OF =
  /^[`'"*”’」』»]*[ \t]*(?:的?(?:函数|函數|方法)|(?:という|と呼ばれる)?(?:名前の)?(?:関数|メソッド)|(?:function|method)\b)/iu
const ASKS = /\b(?:implement|define|write|create|complete)[ \t]+[`'"*]*$/i

/** Returns how clearly a question names a function, 0 (not at all) to 5, and where. */
function mention(question: string, name: string): { strength: number; at: number } {
  let [strength, at] = [0, Infinity]
  // Without marks, "a" in "a function" is a word of the sentence.
  const isWord = WORD.test(name)
  for (let i = question.indexOf(name); i >= 0; i = question.indexOf(name, i + name.length)) {
    const [before, after] = [question[i - 1] ?? '', question[i + name.length] ?? '']
    if (/[\w$.]/.test(before) || /[\w$]/.test(after)) continue
    const ahead = question.slice(Math.max(0, i - 40), i)
    const behind = question.slice(i + name.length, i + name.length + 16)
    const here = /\b(?:def|function\*?|const|let|var)[ \t]+$/.test(ahead)
      ? after === '(' || after === ' '
        ? DECLARED!
        : SAID!
      : !isWord && (SAYS.test(ahead) || SAID_OF.test(behind))
        ? SAID!
        : after === '('
          ? CALLED!
          : before === '`' && after === '`'
            ? QUOTED!
            : !isWord && (ASKS.test(ahead) || /_|[a-z][A-Z]/.test(name))
              ? PLAIN!
              : 0
    if (here > 0) at = Math.min(at, i)
    strength = Math.max(strength, here)
  }
  return { strength, at }
}

const WORD =
  /^(?:a|an|all|any|is|in|of|on|to|at|by|for|and|or|the|that|this|it|with|which|from|as|one)$/

/** Texts that ask for a function. */
const WANTS =
  /\b(?:writ|implement|defin|creat|complet|cod|build|design|mak|provid)(?:e|es|ing)?\b[^.\n]{0,60}\b(?:function|method|class)\b|(?:写|寫|编|編|实现|實現|定义|定義|设计|完成)[^。\n]{0,30}(?:函数|函數|方法)|(?:関数|メソッド)[^。\n]{0,30}(?:書|実装|作成|定義)|\b(?:schreib|implementier|definier)\p{L}*[^.\n]{0,60}(?:funktion|methode)|\b(?:[ée]cri|implément|défini|cré)\p{L}*[^.\n]{0,60}fonction|\b(?:escrib|implement|defin|cre|escrev)\p{L}*[^.\n]{0,60}(?:funci[óo]n|fun[çc][ãa]o)/iu

const DECLARES = /(?:^|[\n`])[ \t]*(?:export[ \t]+)?(?:async[ \t]+)?(?:def|function\*?)[ \t]+$/

/** Returns whether a question asks for a function, this one or any. */
export function wantsFunction(question: string, name: string): boolean {
  if (WANTS.test(question)) return true
  for (let i = question.indexOf(name); i >= 0; i = question.indexOf(name, i + name.length)) {
    const ahead = question.slice(Math.max(0, i - 40), i)
    if (DECLARES.test(ahead) || ASKS.test(ahead)) return true
  }
  return false
}

const HELPER = /^(?:_*tests?(?:_|[A-Z]|$)|main$|_)/

/**
 * Returns the function that most attempts define and that nothing else there uses, since that is the
 * one to call; null if no attempt defines one.
 */
export function commonestFunction(codes: readonly Code[]): string | null {
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
