import { answeringPaths } from './forks.ts'
import type { QuestionKind } from './request.ts'
import type { RunState, Segment } from './run-state.ts'
import { afterThought, type ThoughtMarkers } from './thoughts.ts'

/**
 * What kind of answer a question has: a value (number, expression, choice), which can be counted; a
 * text; or code.
 */

/** What a kind is decided from. */
type Evidence = Pick<Segment, 'text' | 'found'>

/**
 * Returns the kind of a question by the paths that thought about it: `code` if at least half of them
 * hold a closed fenced block that is longer than their prose, or any closed block where the question
 * asks for a program, since models explain what they write; else `value` if at least half state a
 * value, which a boxed sentence, as at the end of a proof, is not; else `text`.
 */
export function kindOf(
  paths: readonly Evidence[],
  markers: ThoughtMarkers | null = null,
  question = '',
): QuestionKind {
  const half = (is: (path: Evidence) => boolean) =>
    paths.length > 0 && 2 * paths.filter(is).length >= paths.length
  const isCode = asksForProgram(question) ? hasCode : isMostlyCode
  if (half(({ text }) => isCode(afterThought(text, markers)))) return 'code'
  const statesValue = ({ found }: Evidence) =>
    found !== null &&
    found.kind !== 'last-number' &&
    (found.kind === 'choice' || !isSentence(found.text))
  return half(statesValue) ? 'value' : 'text'
}

/**
 * Returns whether what a path states is a sentence: words without a number that end as one does, or
 * too many of them for a name, and no list.
 */
function isSentence(stated: string): boolean {
  const unwrapped = stated.replace(/\\(?:text|textbf|mathrm)\{([^{}]*)\}/gu, '$1')
  const text = unwrapped.replace(/\\[a-z]+/giu, ' ').trim() // a command is not a word
  if (/\d/.test(text)) return false
  const han = text.match(/\p{Script=Han}/gu)?.length ?? 0
  const words = (text.match(/\p{L}{2,}/gu)?.length ?? 0) + Math.floor(han / 2)
  return (words >= 4 && /[.!。！]$/u.test(text)) || (words >= 6 && !/[,;，、；]/u.test(text))
}

/**
 * Returns the kind of a run's question, to be recorded at its first join or vote; null if it is
 * recorded already, or cannot be told yet. The vote rule `behaviour` asks for code. Paths that were cut off do not count. `cutToo`: they do
 * if there are no others, since a summary must be asked for in some way.
 */
export function kindToRecord(
  { settings, question, paths, thought, problem }: Recorded,
  cutToo: boolean,
): QuestionKind | null {
  const asked = settings?.question
  if (question !== null || asked === undefined) return null
  if (asked !== 'auto') return asked
  if (settings!.vote === 'behaviour') return 'code'
  const written = answeringPaths({ settings, paths }).filter(
    ({ status, text }) => status !== 'dropped' && text !== '',
  )
  const whole = written.filter(endedAlone)
  const evidence = whole.length > 0 || !cutToo ? whole : written
  return evidence.length === 0 ? null : kindOf(evidence, thought, problem)
}

type Recorded = Pick<RunState, 'settings' | 'question' | 'paths' | 'thought' | 'problem'>

/** Returns whether a path ended by itself or at its budget. */
const endedAlone = ({ reason }: Pick<Segment, 'reason'>): boolean =>
  reason === 'finished' || reason === 'budget'

/**
 * Returns the kind of a run's question as readers show it; null while it is not known. Runs of
 * older versions, which asked for values only, are `value`.
 */
export function questionOf({
  settings,
  question,
}: Pick<RunState, 'settings' | 'question'>): QuestionKind | null {
  if (question !== null) return question
  const asked = settings?.question
  return asked === undefined ? 'value' : asked === 'auto' ? null : asked
}

/** Returns the kind of a run's question as far as it can be told now; null if it cannot. */
export const likelyKind = (state: Recorded): QuestionKind | null =>
  state.question ?? kindToRecord(state, true) ?? questionOf(state)

/** Returns whether a run shows values: its paths' answers, their tree and the votes over them. */
export const showsValues = (state: Pick<RunState, 'settings' | 'question'>): boolean =>
  questionOf(state) === 'value'

/** Returns whether a kind is known and is not a value. A run of such a question has nothing to count. */
export const nothingToCount = (kind: QuestionKind | 'auto' | null = null): boolean =>
  kind === 'text' || kind === 'code'

const FENCE = /^[ \t]*(`{3,}|~{3,})/

interface Parts {
  /** The closed fenced blocks, without their fences. */
  blocks: string[]
  /** Everything else. */
  prose: string
}

/** Splits a text into its closed fenced blocks and its prose. */
export function codeIn(text: string): Parts {
  const blocks: string[] = []
  const prose: string[] = []
  let open: { fence: string; lines: string[]; head: string } | null = null
  for (const line of text.split('\n')) {
    const fence = FENCE.exec(line)?.[1]
    if (open === null) {
      if (fence === undefined) prose.push(line)
      else open = { fence, lines: [], head: line }
    } else if (fence?.startsWith(open.fence) === true && line.trim() === fence) {
      blocks.push(open.lines.join('\n'))
      open = null
    } else open.lines.push(line)
  }
  if (open !== null) prose.push(open.head, ...open.lines)
  return { blocks, prose: prose.join('\n') }
}

function isMostlyCode(text: string): boolean {
  const { blocks, prose } = codeIn(text)
  const length = prose.trim().length
  return blocks.some((block) => block.trim().length > length)
}

const hasCode = (text: string): boolean =>
  codeIn(text).blocks.some((block) => block.trim().length > 0)

const PROGRAM = new RegExp(
  [
    String.raw`\b(?:write|implement|create|code|develop|build|make|give|show|complete|finish|fix|debug|refactor|rewrite|port|translate)\b[^.!?\n]{0,80}\b(?:function|program|script|method|class|code|query|regex|regular expression|algorithm|component|module)\b`,
    String.raw`(?:写|编写|实现|修复|完成)[^。！？\n]{0,40}(?:函数|程序|代码|脚本|方法|算法)`,
    String.raw`^\s*(?:def|class|function)\s+\w+`,
  ].join('|'),
  'imu',
)

/** Returns whether a question asks for a program, by its words. */
const asksForProgram = (question: string): boolean => PROGRAM.test(question)
