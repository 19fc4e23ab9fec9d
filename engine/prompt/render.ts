import { randomBytes } from 'node:crypto'
import { toBraidError } from '../protocol/errors.ts'
import type { Turn } from '../protocol/request.ts'
import { renderTemplates, templateFailed, textIn, type Message } from './template.ts'
import { splitThought, type ThoughtMarks } from './thought.ts'
import { fenceFor, type PromptTokenizer } from './tokenizer.ts'

export interface Chat {
  system: string | undefined
  turns: readonly Turn[]
  problem: string
}

export interface ChatTemplate {
  template: string
  /** Its other variables, by name. */
  values: { bos_token: string; eos_token: string; [name: string]: unknown }
  thought: ThoughtMarks
  guard: PromptTokenizer['guard']
}

/** A rendered template, with fences (tokenizer.ts) in all that is not the template's own. */
export interface RenderedChat {
  /** Up to the end of the problem. */
  head: string
  tail: string
  fence: string
}

/**
 * Renders a chat template with a conversation. The template reads the texts themselves, so that it
 * can act on them: trim them, obey `/no_think`, drop thoughts. Apart from that it must put each text
 * into the prompt once, which a rendering with other texts shows. Thoughts of earlier answers are
 * left out where the template would repeat them. Errors: `template-failed`, `cancelled`.
 */
export async function renderChat(
  { template, values, thought, guard }: ChatTemplate,
  chat: Chat,
  signal: AbortSignal,
): Promise<RenderedChat> {
  const fence = fenceFor([template, ...textsOf(chat)])
  const safe = (text: string) => guard(text, fence)
  const { kept, without, thoughts } = viewsOf(chat.turns, thought, safe)
  const end = newName()
  const views = [...(thoughts.length > 0 ? [kept] : []), without]
  const system = chat.system === undefined ? undefined : safe(chat.system)
  const problem = safe(chat.problem)
  const given = views.flatMap((turns): Chat[] => [
    { system, turns, problem },
    { system, turns, problem: problem + end },
  ])
  const sample: Chat = {
    system: system === undefined ? undefined : newName(),
    turns: chat.turns.map(() => ({ problem: newName(), answer: newName() })),
    problem: newName(),
  }
  const render = async (folded: boolean): Promise<RenderedChat> => {
    const renderings = await renderTemplates(
      template,
      [sample, ...given].map((one) => ({ ...values, messages: messagesOf(one, folded) })),
      signal,
    )
    const text = textIn(renderings[0])
    if (textsOf(sample).some((name) => text.split(name).length !== 2)) throw changes()
    // A template may repeat thoughts, and it may refuse texts with markers.
    const drops = renderings.slice(1, 3).every((one) => 'text' in one && !names(one.text, thoughts))
    const [whole, ended] = renderings.slice(thoughts.length > 0 && !drops ? 3 : 1).map(textIn)
    const at = endOfProblem(whole!, ended!, end)
    return { head: whole!.slice(0, at), tail: whole!.slice(at), fence }
  }
  if (system === undefined) return render(true)
  // Some templates reject or omit a system message: then it is put before the user's first message.
  return render(false).catch((error: unknown) => {
    if (toBraidError(error).code === 'cancelled') throw error
    return render(true)
  })
}

const newName = (): string => `braid${randomBytes(16).toString('hex')}`

const textsOf = ({ system, turns, problem }: Chat): string[] => [
  ...(system === undefined ? [] : [system]),
  ...turns.flatMap((turn) => [turn.problem, turn.answer]),
  problem,
]

/** Returns the messages; `folded`: the system text stands before the user's first message. */
function messagesOf({ system, turns, problem }: Chat, folded: boolean): Message[] {
  const messages: Message[] = turns.flatMap((turn) => [
    { role: 'user' as const, content: turn.problem },
    { role: 'assistant' as const, content: turn.answer },
  ])
  messages.push({ role: 'user', content: problem })
  if (system === undefined) return messages
  if (!folded) return [{ role: 'system', content: system }, ...messages]
  const [first, ...rest] = messages
  return [{ ...first!, content: `${system}\n\n${first!.content}` }, ...rest]
}

/**
 * Returns the earlier turns without their thoughts, and with names in place of the thoughts, between
 * the markers, for a template that leaves thoughts out itself.
 */
function viewsOf(
  turns: readonly Turn[],
  marks: ThoughtMarks,
  safe: (text: string) => string,
): { kept: Turn[]; without: Turn[]; thoughts: string[] } {
  const thoughts: string[] = []
  const views = turns.map((turn) => {
    const problem = safe(turn.problem)
    const { open, close, rest, answer } = splitThought(turn.answer, marks)
    const without = { problem, answer: safe(answer) }
    if (close === null) return { kept: without, without }
    const name = newName()
    thoughts.push(name)
    return { kept: { problem, answer: open + name + close + safe(rest) }, without }
  })
  return {
    kept: views.map(({ kept }) => kept),
    without: views.map(({ without }) => without),
    thoughts,
  }
}

const names = (text: string, list: readonly string[]): boolean =>
  list.some((name) => text.includes(name))

/** Returns where the problem ends in `whole`; in `ended`, the name `end` stands behind it. */
function endOfProblem(whole: string, ended: string, end: string): number {
  const [before, after, ...more] = ended.split(end)
  if (after === undefined || more.length > 0) throw changes()
  if (whole.startsWith(before!)) return before!.length
  // A template that trims a text has not trimmed what stood before the name.
  if (whole.endsWith(after)) return whole.length - after.length
  const trimmed = before!.trimEnd()
  if (whole.startsWith(trimmed)) return trimmed.length
  throw changes()
}

const changes = () => templateFailed('it changes, omits or repeats messages')
