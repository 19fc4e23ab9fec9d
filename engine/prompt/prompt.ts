import { randomBytes } from 'node:crypto'
import type { NativeModel } from '../native/index.ts'
import { toBraidError } from '../protocol/errors.ts'
import type { RunSettings } from '../protocol/request.ts'
import { renderTemplate, type Message } from './template.ts'

/** An earlier problem and its answer, for a follow-up. */
export interface Turn {
  problem: string
  answer: string
}

export interface PromptRequest {
  /** The user's text. It is never parsed as tags or control tokens. */
  problem: string
  system?: string
  conversation?: readonly Turn[]
  /** Plain text appended to the problem (`parathinker.prompt_suffix`). */
  suffix?: string
}

/** The ids of a prompt: the user's text, and what comes before and after it. */
export interface Prompt {
  before: readonly number[]
  user: readonly number[]
  after: readonly number[]
  /** Why the model's template was not used; absent if it was, or if the model has none. */
  fallback?: string
}

export interface PromptModel {
  native: NativeModel
  /** The model's `plainTokenizer`. */
  plain: (text: string) => number[]
}

export const promptTokens = ({ before, user, after }: Prompt): number[] => [
  ...before,
  ...user,
  ...after,
]

/** Returns the prompt of a run, and of the summaries that read it again. Errors: `cancelled`. */
export const runPrompt = (
  model: PromptModel,
  run: {
    problem: string
    conversation: readonly Turn[]
    settings: Pick<RunSettings, 'system'>
  },
  signal: AbortSignal,
): Promise<Prompt> =>
  buildPrompt(
    model,
    {
      problem: run.problem,
      system: run.settings.system,
      conversation: run.conversation,
      suffix: model.native.info.metadata['parathinker.prompt_suffix'],
    },
    signal,
  )

/**
 * Builds a prompt. The model's chat template is rendered with unguessable placeholders for every
 * text by a person or a model, and split there. The template's own parts are tokenized with special
 * tokens, the other texts without. If there is no template or it fails, the prompt is plain text,
 * after BOS if the model's flags ask for it. Errors: `cancelled`.
 */
export async function buildPrompt(
  { native: model, plain }: PromptModel,
  request: PromptRequest,
  signal: AbortSignal,
): Promise<Prompt> {
  const user = plain(request.problem + (request.suffix ?? ''))
  const { chatTemplate } = model.info
  let fallback: string | undefined
  if (chatTemplate !== undefined && chatTemplate.trim() !== '') {
    try {
      const [before, after] = await renderParts(model, chatTemplate, request, plain, signal)
      return { before, user, after }
    } catch (error) {
      const typed = toBraidError(error)
      if (typed.code === 'cancelled') throw typed
      fallback = typed.message
    }
  }
  const earlier = [
    request.system,
    ...(request.conversation ?? []).flatMap(({ problem, answer }) => [problem, answer]),
  ]
    .filter((text) => text !== undefined && text !== '')
    .map((text) => `${text}\n\n`)
    .join('')
  const bos = bosOf(model)
  return { before: [...bos, ...(earlier === '' ? [] : plain(earlier))], user, after: [], fallback }
}

/**
 * Returns a tokenizer that never produces a control token, nor a user-defined one, which llama.cpp
 * finds even in plain text. Lone surrogates become U+FFFD.
 */
export function plainTokenizer(model: NativeModel): (text: string) => number[] {
  const found = model.specialTokens().filter(({ id, text }) => {
    // Tokens of spaces are ordinary text.
    if (text.length < 2 || /^[\s\u2581]*$/.test(text)) return false
    const ids = model.tokenize(text, { special: false, bos: false })
    return ids.includes(id)
  })
  const escaped = found
    .map(({ text }) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .sort((a, b) => b.length - a.length)
  const pattern = escaped.length === 0 ? null : new RegExp(escaped.join('|'), 'g')
  return (text) => {
    const whole = text.replace(/\p{Surrogate}/gu, '\ufffd')
    // Cut each special text after its first character, so that neither half is a special token.
    const pieces: string[] = []
    let start = 0
    if (pattern !== null) {
      pattern.lastIndex = 0
      for (let hit = pattern.exec(whole); hit !== null; hit = pattern.exec(whole)) {
        const cut = hit.index + String.fromCodePoint(whole.codePointAt(hit.index)!).length
        pieces.push(whole.slice(start, cut))
        start = cut
        pattern.lastIndex = cut
      }
    }
    pieces.push(whole.slice(start))
    const out: number[] = []
    for (const piece of pieces)
      if (piece !== '')
        for (const id of model.tokenize(piece, { special: false, bos: false })) out.push(id)
    return out
  }
}

const bosOf = ({ info }: NativeModel): number[] => (info.addBos && info.bos >= 0 ? [info.bos] : [])

/** Returns the ids before and after the problem. */
async function renderParts(
  model: NativeModel,
  template: string,
  request: PromptRequest,
  plain: (text: string) => number[],
  signal: AbortSignal,
): Promise<[number[], number[]]> {
  const texts = new Map<string, string>()
  const hold = (text: string) => {
    const name = `braid${randomBytes(16).toString('hex')}`
    texts.set(name, text)
    return name
  }
  const problem = hold('')
  const turns: Message[] = (request.conversation ?? []).flatMap(({ problem, answer }) => [
    { role: 'user' as const, content: hold(problem) },
    { role: 'assistant' as const, content: hold(answer) },
  ])
  const system =
    request.system === undefined || request.system === '' ? undefined : hold(request.system)
  const text = (id: number) => (id < 0 ? '' : Buffer.from(model.tokenBytes(id)).toString('utf8'))
  const render = (messages: Message[]) =>
    renderTemplate(
      template,
      { messages, bos_token: text(model.info.bos), eos_token: text(model.info.eos) },
      signal,
    )

  let rendered: string
  if (system === undefined) {
    rendered = await render([...turns, { role: 'user', content: problem }])
  } else {
    // Some templates reject or omit a system message: then it is put before the user's first
    // message.
    rendered = await render([
      { role: 'system', content: system },
      ...turns,
      { role: 'user', content: problem },
    ]).catch((error: unknown) => {
      if (toBraidError(error).code === 'cancelled') throw error
      return ''
    })
    if (!rendered.includes(system)) {
      const [first, ...rest] = [...turns, { role: 'user' as const, content: problem }]
      rendered = await render([
        { role: 'user', content: `${system}\n\n${first!.content}` },
        ...rest,
      ])
    }
  }
  for (const name of texts.keys())
    if (rendered.split(name).length !== 2) throw new Error('it changes, omits or repeats messages')

  const sides: [number[], number[]] = [[], []]
  let side = 0
  for (const part of rendered.split(/(braid[0-9a-f]{32})/)) {
    if (part === problem) side = 1
    else if (part === '') continue
    else
      sides[side]!.push(
        ...(texts.has(part)
          ? plain(texts.get(part)!)
          : model.tokenize(part, { special: true, bos: false })),
      )
  }
  const bos = bosOf(model)
  if (bos.length > 0 && sides[0][0] !== bos[0]) sides[0].unshift(...bos)
  return sides
}
