import { isText, textIds, textOfIds } from './text-ids.ts'

/**
 * How a chat travels in a list of ids to the server, whose own template turns it into a prompt: each
 * message stands between two marks. The marks are two private characters each, and only `TEMPLATE`
 * writes them as such: in a person's or model's text they are fenced like all control tokens
 * (prompt/tokenizer.ts).
 */

const KINDS = ['settings', 'system', 'user', 'assistant', 'end', 'answer'] as const
type Kind = (typeof KINDS)[number]

/** From the supplementary private use area. */
const FIRST = 0xf0000
const FIRST_ID = 1 << 27
const markOf = (kind: Kind): string => String.fromCodePoint(FIRST, FIRST + 1 + KINDS.indexOf(kind))

/** The marks as special tokens of a vocabulary. */
export const MARKS = KINDS.map((kind, i) => ({
  id: FIRST_ID + i,
  text: markOf(kind),
  special: true,
  endOfGeneration: false,
}))

const isMark = (id: number): boolean => id >= FIRST_ID && id < FIRST_ID + KINDS.length
const kindOf = (id: number): Kind | undefined => KINDS[id - FIRST_ID]

/** Whether the id stands for what the server's template writes before the answer. */
export const opensAnswer = (id: number): boolean => kindOf(id) === 'answer'

/** The chat template of every model on a server. */
export const TEMPLATE = [
  '{%- if enable_thinking is defined or reasoning_effort is defined %}',
  markOf('settings'),
  "{% if enable_thinking is defined %}enable_thinking={{ 'true' if enable_thinking else 'false' }} {% endif %}",
  '{% if reasoning_effort is defined %}reasoning_effort={{ reasoning_effort }}{% endif %}',
  markOf('end'),
  '{%- endif %}',
  '{%- for message in messages %}',
  `{%- if message.role == 'system' %}${markOf('system')}`,
  `{%- elif message.role == 'user' %}${markOf('user')}`,
  `{%- else %}${markOf('assistant')}{% endif %}`,
  `{{- message.content }}${markOf('end')}`,
  '{%- endfor %}',
  markOf('answer'),
].join('')

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

/** What a sequence holds. */
export interface Written {
  messages: ChatMessage[]
  variables: { enable_thinking?: boolean; reasoning_effort?: string }
  /** What stands behind the beginning of the answer: ids of the server and of texts. */
  answer: number[]
}

/** Returns a text as ids; `special`: its marks count. */
export function tokenize(text: string, special: boolean): number[] {
  if (!special) return textIds(text)
  const marks = new RegExp(`(${MARKS.map((mark) => mark.text).join('|')})`, 'u')
  return text
    .split(marks)
    .flatMap((piece) => MARKS.find((mark) => mark.text === piece)?.id ?? textIds(piece))
}

/**
 * Returns what a list of ids holds. A list without marks, the prompt of a chat template that failed,
 * is one message.
 */
export function read(ids: readonly number[]): Written {
  const begins = ids.findIndex(opensAnswer)
  const answer = begins < 0 ? [] : ids.slice(begins + 1)
  const before = begins < 0 ? ids : ids.slice(0, begins)
  const written: Written = { messages: [], variables: {}, answer }
  let kind: Kind = 'user'
  let from = 0
  const close = (to: number) => {
    const content = textOfIds(before.slice(from, to).filter(isText))
    if (kind === 'settings') written.variables = variablesIn(content)
    else if (kind !== 'end' && kind !== 'answer') written.messages.push({ role: kind, content })
    else if (content !== '') written.messages.push({ role: 'user', content })
  }
  for (const [i, id] of before.entries()) {
    if (!isMark(id)) continue
    if (i > from || kindOf(id) === 'end') close(i)
    kind = kindOf(id)!
    from = i + 1
  }
  if (from < before.length) close(before.length)
  return written
}

function variablesIn(text: string): Written['variables'] {
  const [, thinking] = /enable_thinking=(true|false)/.exec(text) ?? []
  const [, effort] = /reasoning_effort=([a-z0-9_-]+)/.exec(text) ?? []
  return {
    ...(thinking !== undefined && { enable_thinking: thinking === 'true' }),
    ...(effort !== undefined && { reasoning_effort: effort }),
  }
}
