import type { Answer } from '../protocol/events.ts'
import {
  formulaEnd,
  isNumeric,
  isValue,
  quoted,
  sticky,
  unitEnd,
  valueAt,
  type Span,
} from './stated-value.ts'

/** Texts of ParaThinker's control tokens, whose digits are not answers. */
const CONTROL = /<\/?(?:think\d*|summary|vllm_pad)>/g
const THINK_END = '</think>'
/** Only this many statements of a kind are tried, from the last one. */
const MAX_TRIES = 64

/**
 * Finds the answer that the text of a path or a summary states, and its position. Tries, in this
 * order: the last `\boxed{}` with balanced braces, the last phrase that states an answer ("the
 * answer is", "Answer:", "####", "Option C is correct", `<answer>`), the last JSON `"answer"`, and
 * a final line that is nothing but a value or concludes with one. Returns null if the text states
 * no answer: a number that merely stands last is none. The text after a reasoning model's
 * `</think>` is searched first, and the whole text if nothing is found there.
 */
export function extractAnswer(text: string): Answer | null {
  const thought = text.lastIndexOf(THINK_END)
  const plain = text.replace(CONTROL, (token) => ' '.repeat(token.length))
  if (thought < 0) return find(plain)
  return find(' '.repeat(thought) + plain.slice(thought)) ?? find(plain)
}

const find = (text: string): Answer | null =>
  boxed(text) ?? phrase(text) ?? json(text) ?? finalLine(text)

function answer(text: string, start: number, end: number, kind: Answer['kind']): Answer | null {
  while (start < end && /\s/.test(text[start]!)) start++
  while (end > start && /\s/.test(text[end - 1]!)) end--
  return start < end ? { text: text.slice(start, end), span: [start, end], kind } : null
}

function boxed(text: string): Answer | null {
  const matches = [...text.matchAll(/\\(?:boxed|fbox)(?:\s{0,8}\{|\s{1,8}([\w.]+)|(\d))/g)]
  for (const match of matches.slice(-MAX_TRIES).reverse()) {
    const bare = match[1] ?? match[2]
    const end = match.index + match[0].length
    if (bare !== undefined && !/\d|^[A-Za-z]$/.test(bare)) continue // "put it in \boxed here"
    const found =
      bare === undefined
        ? answer(text, end, closingBrace(text, end), 'boxed')
        : answer(text, end - bare.length, end, 'boxed')
    if (found !== null) return found
  }
  return null
}

/** Returns the index of the brace closing the one before `start`; -1 after 4096 characters. */
function closingBrace(text: string, start: number): number {
  let depth = 1
  for (let i = start; i < text.length && i < start + 4096; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}

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
/** What must not stand before a phrase: it is not stated there. */
const SUPPOSED =
  /(?:\b(?:if|whether|unless|suppose|assuming|assume|that|say|guess)\s+(?:that\s+)?)$/i

const CHOICES: readonly RegExp[] = [
  /\b(?:option|choice|answer|statement)\s{1,4}\*{0,2}\(?([A-J])\)?\*{0,2}\s{1,4}(?:is|would\s{1,4}be|must\s{1,4}be)\s{1,4}(?:therefore\s{1,4})?(?:the\s{1,4})?(?:correct|right|best|true|answer)/gi,
  /(?<![\w(])\*{0,2}\(([A-J])\)\*{0,2}\s{1,4}is\s{1,4}(?:the\s{1,4})?(?:correct|right|best)/g,
  /\bI(?:'d|\s{1,4}would|\s{1,4}will)?\s{1,4}(?:choose|pick|select|go\s{1,4}with)\s{1,4}(?:option\s{1,4}|choice\s{1,4}|answer\s{1,4})?\*{0,2}\(?([A-J])\)?(?!\w)/g,
]
const TAG = /<answer>([^<]{1,400})<\/answer>/gi

/** Returns the last statement of an answer by a phrase. */
function phrase(text: string): Answer | null {
  const tries: { at: number; read: () => Answer | null }[] = []
  const add = (matches: RegExpMatchArray[], read: (match: RegExpMatchArray) => Answer | null) => {
    for (const match of matches.slice(-MAX_TRIES))
      tries.push({ at: match.index! + match[0].length, read: () => read(match) })
  }
  for (const pattern of PHRASES)
    add([...text.matchAll(pattern)], (match) =>
      SUPPOSED.test(text.slice(Math.max(0, match.index! - 24), match.index))
        ? null
        : afterPhrase(text, match.index!, match.index! + match[0].length),
    )
  for (const pattern of CHOICES)
    add([...text.matchAll(pattern)], (match) => {
      const at = match.index! + match[0].search(/(?<![A-Za-z])[A-J](?![A-Za-z])(?!.*\b[A-J]\b)/i)
      const letter = match.index! + match[0].indexOf(match[1]!, Math.max(0, at - match.index!))
      return answer(text, letter, letter + 1, 'choice')
    })
  add([...text.matchAll(TAG)], (match) => {
    const start = match.index! + '<answer>'.length
    return answer(text, start, start + match[1]!.length, 'final-answer')
  })
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
const SENTENCE_END =
  /[.!?;\u3002\uff01\uff1b](?=\s|["'*)\]\u201d]*$|\*\*|$)|[\u3002\uff01\uff1f\uff0c]/g

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
    while (from < to && /\s/.test(text[from]!)) from++
    const filler = sticky(FILLER, text, from)
    if (filler === null || from + filler.length >= to) return from
    from += filler.length
  }
}

/** Removes marks around marks: **$x=5$** is x=5. */
function innermost(text: string, from: number, to: number): Span {
  while (from < to && /\s/.test(text[from]!)) from++
  while (to > from && /[\s.,;:]/.test(text[to - 1]!)) to--
  const marked = quoted(text, from, to)
  return marked !== null && marked.end === to ? innermost(text, ...marked.inner) : [from, to]
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

function sentenceEnd(text: string, from: number, to: number): number {
  const stop = text.slice(from, to).search(new RegExp(SENTENCE_END.source))
  return stop < 0 ? to : from + stop
}

const NUMBER_START =
  /(?<![\w.,\\])[-+\u2212\u2013]?(?:\\?\$|[\u20ac\u00a3\u00a5\u20b9])?(?:\d|\.\d|\\[dt]?frac|\\sqrt)/g
const VERB =
  /(?:=|\u2248|\b(?:is|are|was|were|be|equals|makes?|made|gives?|gets?|yields|has|have|had|to|costs?|earns?|pays?|needs?|takes?|total(?:s|ling)?)\b)\s*(?:(?:exactly|about|approximately|only|also|therefore|then|now)\s+)?\W{0,3}$/i

/** Returns the value that a sentence gives: what is marked, or follows its last verb, or stands last. */
function inSentence(text: string, start: number, limit: number): Span | null {
  const end = sentenceEnd(text, start, limit)
  const marked = markedIn(text, start, end)
  if (marked !== null) return marked
  const starts = numbersIn(text, start, end)
  const after = starts.filter(([from]) => VERB.test(text.slice(Math.max(start, from - 40), from)))
  return after.at(-1) ?? starts.at(-1) ?? null
}

/** Returns the last bold or formula part of a range that holds a number. */
function markedIn(text: string, start: number, end: number): Span | null {
  let found: Span | null = null
  for (let i = start; i < end; i++) {
    if (!'*$\\'.includes(text[i]!)) continue
    const marked = quoted(text, i, end)
    if (marked === null) continue
    const inner = innermost(text, ...marked.inner)
    if (/\d|\\pi/.test(text.slice(...inner))) found = inner
    i = marked.end - 1
  }
  return found
}

/** Returns the numbers of a range, with their units. */
function numbersIn(text: string, start: number, end: number): Span[] {
  const found: Span[] = []
  NUMBER_START.lastIndex = 0
  for (const match of text.slice(start, end).matchAll(NUMBER_START)) {
    const from = start + match.index
    if (found.length > 0 && from < found.at(-1)![1]) continue
    const value = valueAt(text, signedStart(text, from), end)
    if (value !== null) found.push(value)
  }
  return found
}

/** A minus after a number or a letter is a difference: 5 -3. */
const signedStart = (text: string, from: number): number =>
  /[-+\u2212\u2013]/.test(text[from]!) &&
  /(?:\d|[)\]}]|(?<![a-zA-Z])[a-zA-Z])\s?$/.test(text.slice(Math.max(0, from - 3), from))
    ? from + 1
    : from

function json(text: string): Answer | null {
  const keys = [...text.matchAll(/"(?:final[_ ]?)?answer"\s{0,8}:\s{0,8}/gi)]
  for (const match of keys.slice(-MAX_TRIES).reverse()) {
    const from = match.index + match[0].length
    const value =
      /"((?:[^"\\\n]|\\.){0,1000})"|-?\d[\d.eE+-]{0,40}|true|false|\[[^[\]{}\n]{0,1000}\]/y
    value.lastIndex = from
    const hit = value.exec(text)
    if (hit === null) continue
    const inner = hit[1]
    const spanned =
      inner === undefined
        ? answer(text, from, value.lastIndex, 'json')
        : answer(text, from + 1, value.lastIndex - 1, 'json')
    if (spanned === null) continue
    return inner === undefined ? spanned : { ...spanned, text: unescapeJson(spanned.text) }
  }
  return null
}

function unescapeJson(inner: string): string {
  try {
    return String(JSON.parse(`"${inner}"`))
  } catch {
    return inner // unescaped LaTeX in a string, such as "\frac12", is used as it is
  }
}

/** Longer final lines are prose. */
const MAX_LINE = 240
const BULLET = /^\s*(?:[-*+\u2022]|\d{1,3}[.)])\s+/
/** Words before the colon of a final line that gives a result. */
const LABEL =
  /^(?:\*\*|__)?(?:the\s+)?(?:final\s+|end\s+)?(?:result|solution|solved|value|total|sum|product|conclusion|therefore|thus|so|hence|output)(?:\*\*|__)?\s*:(?:\*\*|__)?\s*/i
const CONCLUSION =
  /^(?:\*\*)?(?:so|thus|therefore|hence|consequently|altogether|in total|in all|finally|in conclusion|that means|this means|as a result|\u2234|\u6240\u4ee5|\u56e0\u6b64)(?![a-zA-Z])/i

/**
 * Returns the value of the last line: it is nothing but a value, or a sentence that concludes with
 * a number. A text with code concludes with nothing, and neither do the items of a list.
 */
function finalLine(text: string): Answer | null {
  const to = text.trimEnd().length
  const from = Math.max(text.lastIndexOf('\n', to - 1) + 1, to - MAX_LINE - 1)
  if (to - from > MAX_LINE || to === from) return null
  const before = text.slice(0, from)
  const fences = before.match(/^\s{0,8}(?:```|~~~)/gm)?.length ?? 0
  const line = text.slice(from, to)
  if (fences % 2 === 1 || /^\s*(?:```|~~~)/.test(line)) return null
  const previous = before.trimEnd().split('\n').at(-1) ?? ''
  if (BULLET.test(line) && BULLET.test(previous)) return null
  const whole = wholeLine(text, from, to, before.trim() === '')
  if (whole !== null) {
    const kind = /^\(?[A-Ja-j][).]?$/.test(text.slice(...whole)) ? 'choice' : 'final-line'
    return answer(text, ...whole, kind)
  }
  if (fences > 0 || BULLET.test(line) || /[:\uff1a?]$/.test(line)) return null
  const start = lastSentence(text, from, to)
  const concludes = CONCLUSION.test(text.slice(start, to).trimStart())
  if (!concludes && before.trim() !== '') return null
  const span = concluded(text, start, to, concludes)
  return span === null ? null : answer(text, ...span, 'final-line')
}

/** Returns the value that a line consists of, after a label such as "Result:". */
function wholeLine(text: string, from: number, to: number, alone: boolean): Span | null {
  while (from < to && /[\s>#]/.test(text[from]!)) from++
  const line = text.slice(from, to)
  const label =
    LABEL.exec(line)?.[0] ?? (alone ? /^[A-Za-z][\w ]{0,30}:\s+/.exec(line)?.[0] : '') ?? ''
  const start = from + label.length
  const [inner, outer] = innermost(text, start, to)
  const body = text.slice(inner, outer)
  if (/^\(?[A-J]\)?$/.test(body) || /^(?:yes|no|true|false)$/i.test(body)) return [inner, outer]
  if (/^(?:\\?Theta|O|\\mathcal\{O\}|o|\u0398)\s?\(/.test(body) || body.length > 120) return null
  if (/^\d{1,3}[.)]$/.test(line)) return null
  const steps = lastOfSteps(text, inner, outer)
  const [first] = steps
  const end = formulaEnd(text, first, outer)
  if (end === first || !isValue(text.slice(first, end))) return null
  const value = text.slice(first, end)
  if (!isNumeric(value) && !isAssigned(body) && inner === start) return null
  const close = isNumeric(value) ? unitEnd(text, end, outer) : end
  if (close < outer && !/^[\s.,;*$]*$/.test(text.slice(close, outer))) return null
  return [first, close]
}

/** Returns the right side of the last equation if that is a number: 3 * 4 = 12. */
function lastOfSteps(text: string, from: number, to: number): Span {
  const at = text.lastIndexOf('=', to - 1)
  if (at < from) return [from, to]
  let start = at + 1
  while (start < to && /\s/.test(text[start]!)) start++
  const right = text.slice(start, formulaEnd(text, start, to))
  const left = text.slice(from, at)
  const steps = /^[^a-zA-Z]*$|,/.test(left.replace(/\\[a-zA-Z]+/g, '')) || isName(left)
  return isNumeric(right) && steps && isValue(right) ? [start, to] : [from, to]
}

const isName = (left: string): boolean => /^\s*[A-Za-z]\w{0,12}\s*$/.test(left)
/** x = 2y + 1 is a result, a^2 + b^2 = c^2 is not. */
const isAssigned = (line: string): boolean => /^\s*[a-zA-Z](?:_\w|\([a-z]\))?\s*=[^=]+$/.test(line)

function lastSentence(text: string, from: number, to: number): number {
  let start = from
  for (const match of text.slice(from, to - 1).matchAll(/[.!?;](?=\s+\S)/g)) {
    const at = from + match.index + 1
    if (
      !/(?:\bRs|\bapprox|\bca|\bNo|\bvs|\be\.g|\bi\.e|^\s*\d{1,2})\.$/i.test(text.slice(from, at))
    )
      start = at
  }
  return start
}

/** Words before a number of which it is not the value of the sentence. */
const BEFORE =
  /(?:\b(?:for|in|at|within|after|before|by|from|since|until|than|least|most|of|step|part|section|chapter|figure|page|version|item|option|number|no\.?|on|around|every|first|last|next|these|those|other|all|here\s+(?:are|is))|[(#<>+*/^\u2264\u2265\u2260]|\\(?:[lg]eq?|neq?))\s*\$?$/i
/** What may follow the value of a concluding sentence. */
const TAIL =
  /^[\s,.*!$)\]\\\u3002]*(?:(?:in total|altogether|in all|overall|left|remaining|together|each|at all|per \w+|every \w+|a (?:day|week|month|year)|all together|of them|as well|too|now)[\s,.*!]*)*$/i

/** Returns the number with which a sentence concludes. */
function concluded(text: string, from: number, to: number, marked: boolean): Span | null {
  const sentence = text.slice(from, to)
  if (/^\s*(?:here|below|sure|there are (?:many|several|some))\b/i.test(sentence)) return null
  const mark = markedIn(text, from, to)
  const values = numbersIn(text, from, to)
  const last = values.at(-1)
  const found = mark !== null && (last === undefined || mark[1] >= last[0]) ? mark : last
  if (found === undefined || found === null) return null
  const [start, end] = lastOfSteps(text, ...found)
  const tail = text.slice(mark === found ? skipMarks(text, end, to) : end, to)
  const single =
    marked && values.length === 1 && !/\b(?:is|are|was|were|has|have|must|can|divides)\b/.test(tail)
  if (!TAIL.test(tail) && !single) return null
  const before = text
    .slice(Math.max(from, start - 24), start)
    .replace(/(?:\\[([]|\$+|\*+|`)\s*$/, '')
  if (BEFORE.test(before) || !isNumeric(text.slice(start, formulaEnd(text, start, end))))
    return null
  return [start, end]
}

const skipMarks = (text: string, from: number, to: number): number => {
  while (from < to && /[*$`)\]\\]/.test(text[from]!)) from++
  return from
}

const NUMBER = String.raw`\\[dt]?frac\{[-+]?\d{1,30}\}\{\d{1,30}\}|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,4})?(?:\s?/\s?\d+(?:\.\d+)?)?(?:\s?\\?%)?|\.\d+`
/** A minus is a sign unless it follows a number, a bracket or a variable. */
const NUMBERS = new RegExp(
  String.raw`(?<![\w.,])(?:(?<!(?:[\d)\]}]|(?<![a-zA-Z])[a-zA-Z])\s?)[-\u2212\u2013])?(?:${NUMBER})(?!\w)`,
  'g',
)

/** Finds the last number of a text, whether the text states it or not. */
export function lastNumber(text: string): Answer | null {
  const plain = text.replace(CONTROL, (token) => ' '.repeat(token.length))
  // Only the tail is searched, since an answer comes last.
  const from = Math.max(0, plain.length - 65_536)
  const match = [...plain.slice(from).matchAll(NUMBERS)].at(-1)
  if (match === undefined) return null
  const start = from + match.index
  return answer(plain, start, start + match[0].length, 'last-number')
}
