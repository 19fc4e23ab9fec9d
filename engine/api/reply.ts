import type { FinishReason } from './choice.ts'
import { errorBody, toApiError } from './errors.ts'
import { chatLogprobs, completionLogprobs, type Scored } from './logprobs.ts'
import type { RunReport, UsageBody } from './report.ts'
import type { Output } from './output.ts'

/** What a choice adds to a response. */
export interface Piece {
  reasoning: string
  content: string
  /** Its tokens, if log-probabilities were asked for. */
  scored: readonly Scored[] | null
}

/** What is known once all choices are finished. */
export interface Closing {
  usage: UsageBody
  braid: { notices: { code: string; message: string }[]; runs: RunReport[] }
}

/** A response that grows. */
export interface Reply {
  add(choice: number, piece: Piece): void
  finish(choice: number, reason: FinishReason): void
  close(closing: Closing): void
  fail(error: unknown): void
}

export interface ReplyOptions {
  form: 'chat' | 'completion'
  id: string
  model: string
  choices: number
  includeUsage: boolean
  output: Output
}

const now = (): number => Math.floor(Date.now() / 1000)
const both = (reasoning: string) => ({ reasoning_content: reasoning, reasoning })

/** Sends each piece as it comes, as server-sent events. */
export class StreamedReply implements Reply {
  readonly #options: ReplyOptions
  readonly #created = now()
  readonly #begun = new Set<number>()
  /** Characters of each choice so far. */
  readonly #length = new Map<number, number>()
  #left: number
  /** The last choice that ended is sent with the closing. */
  #last: object | null = null

  constructor(options: ReplyOptions) {
    this.#options = options
    this.#left = options.choices
  }

  add(choice: number, piece: Piece): void {
    const empty = piece.reasoning === '' && piece.content === '' && !piece.scored?.length
    const first = !this.#begun.has(choice)
    if (empty && !first) return
    this.#begun.add(choice)
    this.#send([
      this.#options.form === 'chat' ? chatPart(choice, piece, first) : this.#text(choice, piece),
    ])
  }

  finish(choice: number, reason: FinishReason): void {
    const end =
      this.#options.form === 'chat'
        ? { index: choice, delta: {}, logprobs: null, finish_reason: reason }
        : { index: choice, text: '', logprobs: null, finish_reason: reason }
    if (--this.#left > 0) this.#send([end])
    else this.#last = end
  }

  close({ usage, braid }: Closing): void {
    const { includeUsage, output } = this.#options
    const last = this.#last === null ? [] : [this.#last]
    if (includeUsage) {
      this.#send(last)
      this.#send([], { usage, braid })
    } else this.#send(last, { braid })
    output.event('[DONE]')
    output.end()
  }

  fail(error: unknown): void {
    const { output } = this.#options
    if (!output.begun) return output.error(toApiError(error))
    output.event(JSON.stringify(errorBody(toApiError(error))))
    output.end()
  }

  #text(choice: number, { content, scored }: Piece) {
    const offset = this.#length.get(choice) ?? 0
    this.#length.set(choice, offset + content.length)
    const logprobs = scored === null ? null : completionLogprobs(scored, offset)
    return { index: choice, text: content, logprobs, finish_reason: null }
  }

  #send(choices: readonly object[], more: object = {}): void {
    const { form, id, model, output } = this.#options
    const object = form === 'chat' ? 'chat.completion.chunk' : 'text_completion'
    output.event(JSON.stringify({ id, object, created: this.#created, model, choices, ...more }))
  }
}

function chatPart(index: number, { reasoning, content, scored }: Piece, first: boolean) {
  return {
    index,
    delta: {
      ...(first && { role: 'assistant' }),
      ...(reasoning !== '' && both(reasoning)),
      ...((content !== '' || first) && { content }),
    },
    logprobs: scored === null || scored.length === 0 ? null : chatLogprobs(scored),
    finish_reason: null,
  }
}

/** Collects everything and sends it at the end. */
export class WholeReply implements Reply {
  readonly #options: ReplyOptions
  readonly #created = now()
  readonly #choices: {
    reasoning: string
    content: string
    scored: Scored[] | null
    reason: string
  }[]

  constructor(options: ReplyOptions) {
    this.#options = options
    this.#choices = Array.from({ length: options.choices }, () => ({
      reasoning: '',
      content: '',
      scored: null,
      reason: '',
    }))
  }

  add(choice: number, { reasoning, content, scored }: Piece): void {
    const one = this.#choices[choice]!
    one.reasoning += reasoning
    one.content += content
    if (scored !== null) one.scored = [...(one.scored ?? []), ...scored]
  }

  finish(choice: number, reason: FinishReason): void {
    this.#choices[choice]!.reason = reason
  }

  close({ usage, braid }: Closing): void {
    const { form, id, model, output } = this.#options
    const chat = form === 'chat'
    output.json(200, {
      id,
      object: chat ? 'chat.completion' : 'text_completion',
      created: this.#created,
      model,
      choices: this.#choices.map((one, index) =>
        chat
          ? {
              index,
              message: {
                role: 'assistant',
                content: one.content,
                ...(one.reasoning !== '' && both(one.reasoning)),
                refusal: null,
              },
              logprobs: one.scored === null ? null : chatLogprobs(one.scored),
              finish_reason: one.reason,
            }
          : {
              index,
              text: one.content,
              logprobs: one.scored === null ? null : completionLogprobs(one.scored, 0),
              finish_reason: one.reason,
            },
      ),
      usage,
      braid,
    })
  }

  fail(error: unknown): void {
    this.#options.output.error(toApiError(error))
  }
}
