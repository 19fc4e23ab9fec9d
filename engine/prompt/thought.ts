import type { NativeModel } from '../native/index.ts'
import { lastOf, type ThoughtMarkers } from '../protocol/thoughts.ts'
import type { Segment } from '../protocol/run-state.ts'

/**
 * Where a reasoning model's thought ends. Its markers are found by the form of their text, in the
 * vocabulary or in the chat template: `</think>`, `[/THINK]`, `<|END_THINKING|>`, `◁/think▷`, ...
 */
export interface ThoughtMarks {
  opens: readonly Mark[]
  closes: readonly Mark[]
  /** The model is known to think: its template mentions a closing marker, or it has no template. */
  expected: boolean
}

interface Mark {
  text: string
  /** The token with this text; undefined if ordinary tokens spell it. */
  id?: number
}

/** What a summary reads of a path: its tokens [from, to). */
export interface Attempt {
  path: Segment
  from: number
  to: number
  /** The path was cut before its thought was closed. */
  unfinished: boolean
}

type Vocabulary = Pick<NativeModel, 'specialTokens' | 'tokenize'> & {
  readonly info: { readonly chatTemplate?: string | undefined }
}

const WORD = String.raw`(?:thinking|think|thoughts?|reasoning)`
/** The text between the brackets of a marker. */
const INNER = /^(?:<[|｜]?|\[|◁)([/\w:]{3,40})(?:[|｜]?>|\]|▷)$/
const CLOSE = new RegExp(
  String.raw`^(?:/|end_?(?:of_?)?)(?:\w+[:_])?${WORD}(?::\w+)?$|^${WORD}[:_]end$`,
  'i',
)
const OPEN = new RegExp(
  String.raw`^(?:(?:start|begin)_?(?:of_?)?)?(?:\w+[:_])?${WORD}(?:_(?:start|begin)|:\w+)?$`,
  'i',
)
/** Brackets in a template; square ones in upper case only, since the template's own code has them, too. */
const BRACKETED = /<[|｜]?[/\w:]{3,40}[|｜]?>|\[[/A-Z_]{3,40}\]|◁[/\w:]{3,40}▷/g
/** Markers that a vocabulary may hold as ordinary tokens. */
const PLAIN = ['</think>', '</thinking>', '</thought>', '</reasoning>']
/** The markers of gpt-oss are sequences of control tokens (its template spells them). */
const CHANNELS = { open: '<|channel|>analysis', close: '<|channel|>final<|message|>' }

const inner = (text: string): string => INNER.exec(text)?.[1] ?? ''
/** Returns whether a text is the closing marker of a thought. */
export const closesThought = (text: string): boolean => CLOSE.test(inner(text))
const opensThought = (text: string): boolean =>
  OPEN.test(inner(text)) && !closesThought(text) && !/^no_/i.test(inner(text))

/** Returns the closing markers that a chat template mentions. */
export function closingMarkersIn(template: string): string[] {
  const found = (template.match(BRACKETED) ?? []).filter(closesThought)
  return unique([...found, ...(template.includes(CHANNELS.close) ? [CHANNELS.close] : [])])
}

/** Returns the markers of a model's thought; none if neither vocabulary nor template has any. */
export function findThoughtMarks(model: Vocabulary): ThoughtMarks {
  const { chatTemplate: template = '' } = model.info
  const special = model.specialTokens().filter((token) => token.special)
  const inTemplate = closingMarkersIn(template)
  const plain = PLAIN.filter(
    (text) => model.tokenize(text, { special: false, bos: false }).length === 1,
  )
  const openTexts = (template.match(BRACKETED) ?? []).filter(opensThought)
  if (inTemplate.includes(CHANNELS.close)) openTexts.push(CHANNELS.open)
  const marks = (is: (text: string) => boolean, texts: readonly string[]): Mark[] => {
    const tokens = special.filter(({ text }) => is(text)).map(({ id, text }) => ({ id, text }))
    const spelled = texts.filter((text) => !tokens.some((token) => token.text === text))
    return [...tokens, ...unique(spelled).map((text) => ({ text }))]
  }
  const closes = marks(closesThought, [...inTemplate, ...plain])
  return {
    opens:
      closes.length === 0
        ? []
        : marks(opensThought, [...openTexts, ...plain.map((text) => text.replace('/', ''))]),
    closes,
    expected: closes.length > 0 && (template.trim() === '' || inTemplate.length > 0),
  }
}

interface Piece {
  id?: number | undefined
  text: string
}

/**
 * Returns the markers as readers look for them; null if the model is not known to think. `before`:
 * the prompt behind the user's words.
 */
export function markersOf(
  { opens, closes, expected }: ThoughtMarks,
  before: readonly Piece[],
): ThoughtMarkers | null {
  if (closes.length === 0) return null
  const [opensAt, closesAt] = [behind(before, opens), behind(before, closes)]
  if (!expected && opensAt < 0 && closesAt < 0) return null
  const texts = (marks: readonly Mark[]) => unique(marks.map(({ text }) => text)).slice(0, 32)
  return { opens: texts(opens), closes: texts(closes), begins: opensAt > closesAt }
}

/** Returns tokens as pieces of text. */
export const piecesOf = (
  { native }: { native: Pick<NativeModel, 'tokenBytes'> },
  ids: readonly number[],
): Piece[] => ids.map((id) => ({ id, text: Buffer.from(native.tokenBytes(id)).toString('utf8') }))

/** Whether the model has a closing marker, so that its paths may think before they answer. */
export const mayThink = ({ closes }: ThoughtMarks): boolean => closes.length > 0

/** Returns the index of the first piece behind the last of these marks; -1 if there is none. */
function behind(pieces: readonly Piece[], marks: readonly Mark[]): number {
  const ids = new Set(marks.flatMap(({ id }) => (id === undefined ? [] : [id])))
  const last = pieces.findLastIndex(({ id }) => id !== undefined && ids.has(id)) + 1 || -1
  const texts = marks.flatMap(({ id, text }) => (id === undefined ? [text] : []))
  if (texts.length === 0) return last
  const found = lastOf(pieces.map(({ text }) => text).join(''), texts)
  if (found === null) return last
  let [length, index] = [0, 0]
  while (length < found.end) length += pieces[index++]!.text.length
  return Math.max(last, index)
}

/**
 * Returns what a summary reads of each path: all of it, or, from a model that thinks, what follows
 * the end of its thought. A path that was cut before that gives its last `tail` tokens. `before`:
 * the prompt behind the user's words, which may open or close a thought.
 */
export function attemptsOf(
  paths: readonly Segment[],
  marks: ThoughtMarks,
  before: readonly Piece[],
  tail: number,
): Attempt[] {
  const whole = wholePaths(paths)
  if (!mayThink(marks)) return whole
  const { opens, closes, expected } = marks
  const pieces = paths.map(({ tokens }) => tokens.slice())
  const closed = pieces.map((list) => behind(list, closes))
  const opened = pieces.map((list) => behind(list, opens))
  const [opensAt, closesAt] = [behind(before, opens), behind(before, closes)]
  const thinks =
    expected || opensAt >= 0 || closesAt >= 0 || [...closed, ...opened].some((at) => at >= 0)
  return whole.map((attempt, i) => {
    const { to } = attempt
    const text = pieces[i]!.slice(Math.max(0, closed[i]!)).map((piece) => piece.text)
    if (closed[i]! >= 0 && text.join('').trim() !== '') return { ...attempt, from: closed[i]! }
    const past = closesAt > opensAt && opened[i]! < 0 && closed[i]! < 0
    if (!thinks || past) return attempt
    return { ...attempt, from: Math.max(0, to - tail), unfinished: true }
  })
}

/** Returns attempts that are whole paths, with their thoughts. */
export const wholePaths = (paths: readonly Segment[]): Attempt[] =>
  paths.map((path) => ({ path, from: 0, to: path.tokens.length, unfinished: false }))

const unique = (list: readonly string[]): string[] => [...new Set(list)]

/** An earlier answer around its thought. */
export interface SplitAnswer {
  /** The marker at the beginning; empty if there is none. */
  open: string
  /** The marker that ends the thought; null if no thought was closed. */
  close: string | null
  /** What stands behind the thought. */
  rest: string
  /** `rest` without the white space behind the thought. */
  answer: string
}

/**
 * Splits the text of an earlier answer behind its thought, which the last closing marker ends. Text
 * that only opens a thought has no answer.
 */
export function splitThought(
  text: string,
  { opens, closes }: Pick<ThoughtMarks, 'opens' | 'closes'>,
): SplitAnswer {
  const from = text.trimStart()
  // Models may write the usual markers without having them in their vocabulary.
  const usual = PLAIN.filter((close) => from.startsWith(close.replace('/', '')))
  const starts = [...opens.map((mark) => mark.text), ...usual.map((one) => one.replace('/', ''))]
  const ends = [...closes.map((mark) => mark.text), ...usual]
  const open = starts.find((one) => from.startsWith(one)) ?? ''
  const closed = lastOf(text, ends)
  if (closed === null) {
    const rest = open === '' ? text : ''
    return { open, close: null, rest, answer: rest }
  }
  const rest = text.slice(closed.end)
  return { open, close: text.slice(closed.start, closed.end), rest, answer: rest.trimStart() }
}
