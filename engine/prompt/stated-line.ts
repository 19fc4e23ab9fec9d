import type { Answer } from '../protocol/events.ts'
import { solvedLine } from './stated-steps.ts'
import { innermost, markedIn, numbersIn } from './stated-sentence.ts'
import {
  afterSpace,
  answer,
  formulaEnd,
  isNumeric,
  isValue,
  unitEnd,
  type Span,
} from './stated-value.ts'

/** Finds the answer that a final line is, or with which it concludes. */

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
export function finalLine(text: string): Answer | null {
  const to = text.trimEnd().length
  const from = Math.max(text.lastIndexOf('\n', to - 1) + 1, to - MAX_LINE - 1)
  if (to - from > MAX_LINE || to === from) return null
  const before = text.slice(0, from)
  const fences = before.match(/^\s{0,8}(?:```|~~~)/gm)?.length ?? 0
  const line = text.slice(from, to)
  if (fences % 2 === 1 || /^\s*(?:```|~~~)/.test(line)) return null
  const previous = before.trimEnd().split('\n').at(-1) ?? ''
  if (BULLET.test(line) && BULLET.test(previous)) return null
  const solved = solvedLine(line)
  if (solved !== null)
    return { text: solved.text, span: [from + solved.start, to], kind: 'final-line' }
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
  const start = afterSpace(text, at + 1, to)
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
