import type { NativeModel } from '../native/index.ts'
import { toBraidError } from '../protocol/errors.ts'
import { FORK_FORMS } from '../protocol/forks.ts'
import type { RunSettings, Turn } from '../protocol/request.ts'
import { ruleOf } from '../protocol/shapes.ts'
import type { ControlTokens } from './control.ts'
import { renderChat, type Chat } from './render.ts'
import { splitThought, type ThoughtMarks } from './thought.ts'
import { fenceFor, type PromptTokenizer } from './tokenizer.ts'

export type { Turn } from '../protocol/request.ts'

export interface PromptRequest {
  /** The user's text. It is never parsed as tags or control tokens. */
  problem: string
  system?: string
  conversation?: readonly Turn[]
  /** Plain text appended to the problem (`parathinker.prompt_suffix`). */
  suffix?: string
  variables?: RunSettings['templateVariables']
  /** The model's template is not used. */
  plain?: boolean | undefined
}

/** The ids of a prompt, and of prompts with more words behind the user's. */
export interface Prompt {
  ids: readonly number[]
  /** The ids behind the user's words. */
  after: readonly number[]
  /** Returns the ids up to the end of the user's words and of these words behind them. */
  opening: (words: string) => number[]
  /** Returns the ids of words that stand behind others, and of all behind the user's words. */
  closing: (words: string) => number[]
  /** Why the model's template was not used; absent if it was, or if the model has none. */
  fallback?: string
}

export interface PromptModel extends PromptTokenizer {
  native: NativeModel
  thought: ThoughtMarks
}

interface Marked {
  tokens: Pick<ControlTokens, 'forks'>
}

/** Returns the prompt of a run, and of the summaries that read it again. Errors: `cancelled`. */
export const runPrompt = (
  model: PromptModel & Marked,
  run: {
    problem: string
    conversation: readonly Turn[]
    settings: Pick<RunSettings, 'strategy' | 'system' | 'templateVariables' | 'plainPrompt'>
  },
  signal: AbortSignal,
): Promise<Prompt> =>
  buildPrompt(
    model,
    {
      problem: run.problem,
      system: run.settings.system,
      conversation: run.conversation,
      suffix: suffixOf(model, run.settings),
      variables: run.settings.templateVariables,
      plain: run.settings.plainPrompt,
    },
    signal,
  )

/** Returns what a question is followed by: words that the model was trained with. */
function suffixOf(
  { native, tokens: { forks } }: PromptModel & Marked,
  { strategy }: Pick<RunSettings, 'strategy'>,
): string | undefined {
  if (ruleOf(strategy).forks && forks !== null) return FORK_FORMS[forks.form].suffix
  return native.info.metadata['parathinker.prompt_suffix']
}

/**
 * Builds a prompt: the ids of the whole rendered chat template (render.ts), in which no text by a
 * person or a model becomes a control token. If there is no template or it fails, the prompt is
 * plain text, after BOS if the model's flags ask for it. Errors: `cancelled`.
 */
export async function buildPrompt(
  model: PromptModel,
  { problem, system, conversation = [], suffix = '', variables, plain }: PromptRequest,
  signal: AbortSignal,
): Promise<Prompt> {
  const chat: Chat = {
    system: system === '' ? undefined : system,
    turns: conversation,
    problem: problem + suffix,
  }
  const { chatTemplate } = model.native.info
  if (plain === true || chatTemplate === undefined || chatTemplate.trim() === '')
    return plainPrompt(model, chat)
  try {
    return await templatePrompt(model, chatTemplate, chat, variables, signal)
  } catch (error) {
    const { code, message } = toBraidError(error)
    if (code === 'cancelled') throw error
    return { ...plainPrompt(model, chat), fallback: message }
  }
}

async function templatePrompt(
  { native, thought, guard, encode }: PromptModel,
  template: string,
  chat: Chat,
  variables: PromptRequest['variables'],
  signal: AbortSignal,
): Promise<Prompt> {
  const text = (id: number) => (id < 0 ? '' : Buffer.from(native.tokenBytes(id)).toString('utf8'))
  const { info } = native
  const values = {
    ...variables,
    bos_token: text(info.bos),
    eos_token: text(info.eos),
  }
  const { head, tail, fence } = await renderChat({ template, values, thought, guard }, chat, signal)
  const [bos] = bosOf(native)
  const start = (guarded: string, fence: string) => {
    const ids = encode(guarded, fence)
    return bos === undefined || ids[0] === bos ? ids : [bos, ...ids]
  }
  /** Returns a part of the prompt and words with the same fence. */
  const beside = (part: string, words: string) => {
    const common = fenceFor([part, words])
    return { part: part.replaceAll(fence, common), words: guard(words, common), common }
  }
  return {
    ids: start(head + tail, fence),
    after: encode(tail, fence, true),
    opening: (more) => {
      const { part, words, common } = beside(head, more)
      return start(part + words, common)
    },
    closing: (more) => {
      const { part, words, common } = beside(tail, more)
      return encode(words + part, common, true)
    },
  }
}

function plainPrompt({ native, plain, thought }: PromptModel, chat: Chat): Prompt {
  const turns = chat.turns.map((turn) => [turn.problem, splitThought(turn.answer, thought).answer])
  const earlier = [chat.system ?? '', ...turns.flat()].filter((text) => text !== '')
  const text = [...(isAlone(native) ? [] : earlier), chat.problem].join('\n\n')
  const opening = (words: string) => [...bosOf(native), ...plain(text + words)]
  return { ids: opening(''), after: [], opening, closing: (words) => plain(words, true) }
}

/** Returns whether the model was trained for one problem at a time, as those of training/ are: text before it would only confuse it. */
const isAlone = ({ info }: NativeModel): boolean => info.metadata['parathinker.scope'] !== undefined

const bosOf = ({ info }: NativeModel): number[] => (info.addBos && info.bos >= 0 ? [info.bos] : [])
