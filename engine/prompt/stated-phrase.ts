import type { Answer } from '../protocol/events.ts'
import { innermost, inSentence, sentenceEnd } from './stated-sentence.ts'
import { afterSpace, answer, quoted, sticky, valueAt, type Span } from './stated-value.ts'

/** Finds the answer that a phrase states, such as "the answer is", "Answer:" or "####". */

/** Only this many statements of a kind are tried, from the last one. */
export const MAX_TRIES = 64

const MARKS = String.raw`[*_]{0,2}`
const IS = String.raw`(?:is|are|was|would\s{1,4}be|will\s{1,4}be|should\s{1,4}be|must\s{1,4}be|becomes|equals|comes\s{1,4}(?:out\s{1,4})?to|:|=|\uff1a)(?!n['\u2019]t)`
const ADJECTIVE = String.raw`(?:final|correct|right|best|exact|required|overall|numerical|complete|full|simplified|only)`
const PHRASES: readonly RegExp[] = [
  // "the answer is", "our final answer would be", "the correct option is"
  new RegExp(
    String.raw`(?<![\w"])(?:(?:the|my|our|your|its)\s{1,4}(?:${ADJECTIVE}\s{1,4}){0,3}|(?:${ADJECTIVE}\s{1,4}){1,3})(?:answer|option|choice)s?${MARKS}(?!")(?:\s{1,4}(?:to|for|of)\s[^.\n:=]{1,80}?)?\s{0,4}(?:\([^()\n]{0,40}\)\s{0,4})?${MARKS}${IS}`,
    'gi',
  ),
  // "Answer: 12", "**Final Answer** 12", a heading with the answer below
  new RegExp(
    String.raw`^[ \t#>*_-]{0,8}(?:(?:the|my|${ADJECTIVE})\s{1,4}){0,2}(?:answer|ans\b\.?)(?!")[ \t]{0,4}(?:\([^()\n]{0,40}\)[ \t]{0,4})?(?:${MARKS}[ \t]{0,4}[:=\uff1a]|[*_]{1,2}|$)`,
    'gim',
  ),
  /\bAnswer[*_]{0,2}[ \t]{0,4}:/g,
  /^[ \t]{0,8}####(?!#)/gm,
  /(?:\u6700\u7ec8|\u6700\u540e|\u6b63\u786e|\u6700\u7d42|\u6b63\u78ba)?(?:\u7684)?\u7b54\u6848(?:\u5e94\u8be5\u662f|\u61c9\u8a72\u662f|\u5e94\u4e3a|\u5e94\u662f|\u5373\u4e3a|\u5c31\u662f|\u662f|\u4e3a|\u70ba|\u7b49\u4e8e)?[ \t]{0,4}[:\uff1a=]?/g,
  /^[ \t*]{0,4}\u7b54\*{0,2}[:\uff1a]/gm,
  /\u7b54\u3048\u306f|\uc815\ub2f5\uc740|\ub2f5\uc740/g,
  /\b(?:la\s{1,4}respuesta(?:\s{1,4}(?:final|correcta))?\s{1,4}es|die\s{1,4}(?:richtige\s{1,4}|endg\u00fcltige\s{1,4})?antwort\s{1,4}(?:ist|lautet)|la\s{1,4}r\u00e9ponse(?:\s{1,4}(?:finale|correcte))?\s{1,4}est|a\s{1,4}resposta(?:\s{1,4}final)?\s{1,4}\u00e9|la\s{1,4}risposta(?:\s{1,4}finale)?\s{1,4}\u00e8)\s{0,4}:?/gi,
  /^[ \t*#]{0,8}(?:\u043e\u0442\u0432\u0435\u0442|respuesta|antwort|r\u00e9ponse|resposta|risposta)\*{0,2}[ \t]{0,4}:/gim,
]
/** Words before a phrase that suppose its answer instead of stating it. */
const SUPPOSED =
  /(?:\b(?:if|whether|unless|suppose|assuming|assume|that|say|guess)\s+(?:that\s+)?)$/i

const CHOICES: readonly RegExp[] = [
  /\b(?:option|choice|answer|statement)\s{1,4}\*{0,2}\(?([A-J])\)?\*{0,2}\s{1,4}(?:is|would\s{1,4}be|must\s{1,4}be)\s{1,4}(?:therefore\s{1,4})?(?:the\s{1,4})?(?:correct|right|best|true|answer)/dgi,
  /(?<![\w(])\*{0,2}\(([A-J])\)\*{0,2}\s{1,4}is\s{1,4}(?:the\s{1,4})?(?:correct|right|best)/dg,
  /\bI(?:'d|\s{1,4}would|\s{1,4}will)?\s{1,4}(?:choose|pick|select|go\s{1,4}with)\s{1,4}(?:option\s{1,4}|choice\s{1,4}|answer\s{1,4})?\*{0,2}\(?([A-J])\)?(?!\w)/dg,
]
const TAG = /<answer>([^<]{1,400})<\/answer>/dgi

/** Returns the last statement of an answer by a phrase. */
export function phrase(text: string): Answer | null {
  const tries: { at: number; read: () => Answer | null }[] = []
  const add = (pattern: RegExp, read: (match: RegExpExecArray) => Answer | null) => {
    for (const match of [...text.matchAll(pattern)].slice(-MAX_TRIES))
      tries.push({ at: match.index + match[0].length, read: () => read(match) })
  }
  for (const pattern of PHRASES)
    add(pattern, ({ index, 0: said }) =>
      SUPPOSED.test(text.slice(Math.max(0, index - 24), index))
        ? null
        : afterPhrase(text, index, index + said.length),
    )
  for (const pattern of CHOICES)
    add(pattern, ({ indices }) => answer(text, ...indices![1]!, 'choice'))
  add(TAG, ({ indices }) => answer(text, ...indices![1]!, 'final-answer'))
  tries.sort((a, b) => b.at - a.at)
  for (const { read } of tries.slice(0, MAX_TRIES)) {
    const found = read()
    if (found !== null) return found
  }
  return null
}

/** Reads the rest of the line after a phrase, or the next line if the rest is empty. */
function afterPhrase(text: string, start: number, from: number): Answer | null {
  const said = text.slice(start, from)
  const heading = said.trim().startsWith('####')
  const label = heading || /[:=\uff1a*_]$|^[#*\s]*\w*\s*answer\s*$/i.test(said.trim())
  const line = /[^\S\n]{0,64}(?:[*_:]{1,3}[^\S\n]{0,8})?(?:\n\s{0,64})?([^\n]{0,400})/y
  line.lastIndex = from
  const rest = line.exec(text)?.[1] ?? ''
  if (rest.trim() === '') return null
  const to = line.lastIndex
  const display = displayed(text, to - rest.length)
  if (display !== null) return answer(text, ...display, 'final-answer')
  const span = heading
    ? numberAt(text, to - rest.length, to)
    : statedIn(text, to - rest.length, to, label)
  return span === null ? null : answer(text, ...span, 'final-answer')
}

/** Returns the formula of \[ ... \] or $$ ... $$ that begins on a line of its own. */
function displayed(text: string, from: number): Span | null {
  const hit = /\s{0,8}(\\\[|\$\$)\s{0,8}\n([^$]{1,400}?)\s{0,8}(?:\\\]|\$\$)/y
  hit.lastIndex = from
  const found = hit.exec(text)
  if (found === null) return null
  const start = from + found[0].indexOf(found[2]!, found[1]!.length)
  return [start, start + found[2]!.length]
}

/** After `####` stands a number, a choice or a heading. */
function numberAt(text: string, from: number, to: number): Span | null {
  const span = statedIn(text, from, to, false)
  if (span === null) return null
  const value = text.slice(...span)
  const rest = text.slice(span[1], to).replace(/[\s.*$]+/g, '')
  return rest === '' &&
    (/\d|\\/.test(value) || /^\(?[A-J]\)?$|^(?:yes|no|true|false)$/i.test(value))
    ? span
    : null
}

const FILLER =
  /(?:(?:therefore|thus|then|hence|so|simply|just|exactly|about|approximately|approx\.?|roughly|around|nearly|clearly|indeed|actually|now|also|equal\s+to|given\s+by|found\s+to\s+be|likely|probably|definitely|option|choice|letter|the\s+(?:number|value|option|choice|letter|expression|set|interval|list|point|pair|ordered\s+pair|fraction))\b|[:=\uff1a,]|\*\*(?=\s))\s*/iy

/**
 * Returns the value that a statement gives. `label`: it stands after "Answer:", so that a sentence
 * or words may follow.
 */
function statedIn(text: string, start: number, end: number, label: boolean): Span | null {
  const skipped = skipFiller(text, start, end)
  const that = sticky(/that\s+/y, text, skipped)
  if (that !== null) return inSentence(text, skipped + that.length, end)
  start = skipped
  const choice = choiceAt(text, start, end)
  if (choice !== null) return choice
  const marked = quoted(text, start, end)
  if (marked !== null) {
    const [from, to] = marked.inner
    const inner = innermost(text, from, to)
    if (/[\p{L}\p{N}\\\u221e\u2205]/u.test(text.slice(...inner))) {
      const further = furtherItems(text, marked.end, end)
      return further === null ? inner : [start, further]
    }
  }
  const value = valueAt(text, start, end)
  if (value !== null && !/^[,.;?]*\?/.test(text.slice(value[1], end))) return value
  return words(text, start, end, label)
}

function skipFiller(text: string, from: number, to: number): number {
  for (;;) {
    from = afterSpace(text, from, to)
    const filler = sticky(FILLER, text, from)
    if (filler === null || from + filler.length >= to) return from
    from += filler.length
  }
}

/** Returns the end of further formulas in marks: $2$ and $-3$. */
function furtherItems(text: string, from: number, to: number): number | null {
  let end: number | null = null
  for (;;) {
    const joint = sticky(/\s?(?:,\s?(?:and\s|or\s)?|and\s|or\s)\s?/y, text, end ?? from)
    if (joint === null) return end
    const next = quoted(text, (end ?? from) + joint.length, to)
    if (next === null) return end
    end = next.end
  }
}

/** Returns a choice at `from`, with what it stands for if that is short: "(B) 12". */
function choiceAt(text: string, from: number, to: number): Span | null {
  const hit = sticky(
    /\*{0,2}(?:\((?:[A-J]|[a-j])\)|[A-J][).:](?=\s)|[A-J](?=\*{0,2}(?:[.,;!]?\s*$|[.,;]\s|\s+(?:because|since|as|and|with|which|is)\b)))/y,
    text.slice(0, to),
    from,
  )
  if (hit === null || from + hit.length > to) return null
  const bare = from + (/^\**/.exec(hit)?.[0].length ?? 0)
  const end = from + hit.length
  if (!/[).:]$/.test(hit)) return [bare, end]
  const rest = /^\s{1,4}([^\s.,;:*][^.,;*\n]{0,40})(?=[.,;*]|$)/.exec(text.slice(end, to))
  if (rest !== null) return [bare, end + rest[0].length]
  return [bare, /[.:]$/.test(hit) ? end - 1 : end]
}

/** Answers of one or more words that mean something by themselves. */
const FIXED =
  /(?:yes|no|true|false|none(?:\sof\s(?:the\s)?(?:above|these))?|undefined|infinite(?:ly\smany(?:\ssolutions)?)?|infinity|impossible|never|always|sometimes|no\s(?:real\s)?solutions?|does\snot\sexist|dne|all\sreal\snumbers|cannot\sbe\sdetermined|not\senough\sinformation|both|neither|even|odd|positive|negative|rational|irrational|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|monday|tuesday|wednesday|thursday|friday|saturday|sunday)(?![\w'-])/iy
const NOT_AN_ANSWER =
  /^(?:right|correct|wrong|incorrect|consistent|not|in|on|at|as|below|above|to|of|from|found|given|obtained|shown|what|how|why|when|which|where|whether|we|you|i|it|its|he|she|they|there|here|this|these|those|clear|unclear|obvious|simple|easy|hard|complicated|complex|known|unknown|reasonable|valid|verified|unique|ambiguous|incomplete|complete|different|same|surprising|straightforward|still|up|based|expected|provided|required|ready|done|confirmed|plausible|good|better|best|more|likely|possible|close|off|too|very|quite|fine|ok|okay|accurate|interesting|also|already|always|well)\b/i

/** Returns an answer in words, or the value in the sentence that begins at `from`. */
function words(text: string, from: number, to: number, label: boolean): Span | null {
  const fixed = sticky(FIXED, text, from)
  if (fixed !== null && from + fixed.length <= to) {
    const after = text.slice(from + fixed.length, to)
    if (/^\s*(?:[.,;:!*)]|$|because\b|since\b|as\b|and\b)/.test(after))
      return [from, from + fixed.length]
  }
  const end = sentenceEnd(text, from, to)
  const sentence = text.slice(from, end)
  if (sentence.trim() === '' || text[end] === '?' || NOT_AN_ANSWER.test(sentence)) return null
  if (/\d|\\frac|\\sqrt|\\pi/.test(sentence)) {
    if (label) return inSentence(text, from, end)
    const value = inSentence(text, from, end)
    return value !== null && /^[\s.*]*$/.test(text.slice(value[1], end)) ? value : null
  }
  const clause = /^[^,;:()]*/.exec(sentence)![0].trimEnd()
  const count = clause.split(/\s+/).length
  const span: Span = [from, from + clause.length]
  if (/^[`*_]/.test(clause) || !/^[\p{L}"'\u201c]/u.test(clause)) return null
  if (label) return count <= 8 ? span : null
  if (/^\p{Lu}/u.test(clause)) return count <= 4 ? span : null
  return count === 1 && clause.length >= 2 && /^[\s.!*]*$/.test(text.slice(span[1], end + 1))
    ? span
    : null
}
