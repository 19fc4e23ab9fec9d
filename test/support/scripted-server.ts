import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** What one request for a text meets. `after`: tokens that are sent before. */
export type Fault =
  | { kind: 'cut'; after: number; halfChunk?: boolean }
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: string }
  | { kind: 'silence'; after: number }
  | { kind: 'raw'; after: number; text: string }
  | { kind: 'endless-line' }
  | { kind: 'no-tokens' }
  | { kind: 'lie'; after: number; ids: unknown[] }
  | { kind: 'too-many' }

export interface ScriptedOptions {
  dialect: 'vllm' | 'chat'
  /** What the model writes to a prompt; `nth`: counted over requests for a text from 0. */
  write?: (prompt: string, seed: number, nth: number) => string
  /** The thought of a chat model, under this name. */
  reasoning?: { field: 'reasoning' | 'reasoning_content'; text: string }
  fault?: (nth: number) => Fault | undefined
  key?: string
  logprobs?: boolean
}

interface Asked {
  path: string
  body: Record<string, unknown>
  headers: IncomingMessage['headers']
  /** The client closed the connection before the end. */
  aborted: boolean
}

/** Control tokens of the scripted vocabulary; all others are code points. */
const CONTROL = ['<|user|>', '<|assistant|>', '<|system|>', '<|end|>', '<s>']
const FIRST_CONTROL = 0x20000
export const controlId = (text: string): number => FIRST_CONTROL + CONTROL.indexOf(text)
export const MODEL = 'org/scripted:7b'

/** Returns the ids of a text, in which control tokens always count, as in vLLM. */
export function idsOfText(text: string): number[] {
  return text
    .split(/(<\|(?:user|assistant|system|end)\|>|<s>)/)
    .flatMap((piece) =>
      CONTROL.includes(piece)
        ? [controlId(piece)]
        : [...piece].map((character) => character.codePointAt(0)!),
    )
}

export const textOfIds = (ids: readonly number[]): string =>
  ids
    .map((id) => (id >= FIRST_CONTROL ? CONTROL[id - FIRST_CONTROL] : String.fromCodePoint(id)))
    .join('')

const ANSWER = '<|assistant|>\n'

/** An HTTP server that speaks vLLM's or Ollama's dialect, with a model that writes what a test says. */
export class ScriptedServer {
  readonly asked: Asked[] = []
  readonly #options: ScriptedOptions
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #sockets = new Set<Socket>()
  #texts = 0
  #port = 0

  constructor(options: ScriptedOptions) {
    this.#options = options
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Requests for a text, without the probe's trial. */
  get texts(): Asked[] {
    return this.asked.filter(({ body }) => body.stream === true)
  }

  get open(): number {
    return this.#sockets.size
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
    return this
  }

  /** Closes every connection at once. `listen` opens the same port again. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
    const path = request.url!
    const asked: Asked = { path, body, headers: request.headers, aborted: false }
    this.asked.push(asked)
    response.on('close', () => (asked.aborted = !response.writableFinished))
    const { key, dialect } = this.#options
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`)
      return json(response, 401, {
        error: { message: `wrong key ${request.headers.authorization}` },
      })
    if (path === '/v1/models')
      return json(response, 200, {
        object: 'list',
        data: [{ id: MODEL, ...(dialect === 'vllm' && { max_model_len: 8192 }) }],
      })
    if (dialect === 'chat' && path === '/v1/chat/completions') return this.#text(body, response)
    if (dialect === 'vllm') {
      if (path === '/v1/completions') return this.#text(body, response)
      if (path === '/tokenize') return json(response, 200, { tokens: tokensOf(body) })
      if (path === '/detokenize')
        return json(response, 200, { prompt: textOfIds(body.tokens as number[]) })
    }
    json(response, 404, { error: { message: 'not found' } })
  }

  async #text(body: Record<string, unknown>, response: ServerResponse): Promise<void> {
    if (body.stream !== true) return json(response, 200, this.#trial())
    const nth = this.#texts++
    const fault = this.#options.fault?.(nth)
    if (fault?.kind === 'status') {
      response.writeHead(fault.status, fault.headers).end(fault.body ?? '{"error":"scripted"}')
      return
    }
    const chat = this.#options.dialect === 'chat'
    const prompt = chat
      ? (body.messages as { content: string }[]).map(({ content }) => content).join('\n')
      : textOfIds(body.prompt as number[])
    const write = this.#options.write ?? (() => 'The answer is \\boxed{42}.')
    const at = prompt.lastIndexOf(ANSWER) + ANSWER.length
    const [question, before] = chat ? [prompt, ''] : [prompt.slice(0, at), prompt.slice(at)]
    // A text goes on behind what the prompt has of it.
    const all = [...write(question, body.seed as number, nth)]
    const left = all.slice([...before].length)
    const most = fault?.kind === 'too-many' ? left.length : (body.max_tokens as number)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const send = (value: unknown) => response.write(`data: ${JSON.stringify(value)}\n\n`)
    if (fault?.kind === 'endless-line') return this.#endless(response)
    if (fault?.kind === 'no-tokens')
      return void this.#repeat(response, () => send(this.#event('', [])))
    const { reasoning } = this.#options
    if (chat && reasoning !== undefined)
      for (const piece of reasoning.text.match(/[^]{1,8}/g) ?? [])
        send({ choices: [{ delta: { [reasoning.field]: piece } }] })
    for (const [i, character] of left.slice(0, most).entries()) {
      if (fault !== undefined && 'after' in fault && fault.after === i) {
        if (fault.kind === 'silence') return
        if (fault.kind === 'raw') return void response.end(fault.text)
        if (fault.kind === 'lie') {
          send(this.#event(character, fault.ids))
          continue
        }
        if (fault.kind === 'cut') {
          if (fault.halfChunk) response.write('data: {"choices":[{"te')
          await new Promise((resolve) => setImmediate(resolve))
          return void response.destroy()
        }
      }
      send(this.#event(character, [character.codePointAt(0)!]))
      if (i % 16 === 15) await new Promise((resolve) => setImmediate(resolve))
    }
    const reason = left.length > most ? 'length' : 'stop'
    send({ choices: [{ text: '', token_ids: [], delta: {}, finish_reason: reason }] })
    response.end('data: [DONE]\n\n')
  }

  #trial() {
    return this.#options.dialect === 'chat'
      ? {
          choices: [
            {
              message: { content: 'H' },
              ...(this.#options.logprobs && {
                logprobs: { content: [{ token: 'H', logprob: -1 }] },
              }),
            },
          ],
        }
      : { choices: [{ text: 'H', token_ids: [72], logprobs: { tokens: ['H'] } }] }
  }

  #event(text: string, ids: readonly unknown[]) {
    if (this.#options.dialect === 'chat')
      return {
        choices: [
          {
            delta: { content: text },
            finish_reason: null,
            ...(this.#options.logprobs && {
              logprobs: { content: [{ token: text, logprob: -0.25 }] },
            }),
          },
        ],
      }
    const names = ids.map((id) => `token_id:${String(id)}`)
    const top = { [names[0] ?? 'token_id:1']: -0.5, 'token_id:120': -1.5, 'token_id:121': -2.5 }
    return {
      choices: [
        {
          text,
          token_ids: ids,
          finish_reason: null,
          logprobs: {
            tokens: names,
            token_logprobs: ids.map(() => -0.5),
            top_logprobs: ids.map(() => top),
          },
        },
      ],
    }
  }

  #endless(response: ServerResponse): void {
    response.write('data: ')
    this.#repeat(response, () => response.write('x'.repeat(1 << 16)))
  }

  #repeat(response: ServerResponse, work: () => void): void {
    if (response.destroyed) return
    work()
    setImmediate(() => this.#repeat(response, work))
  }
}

function tokensOf({ prompt, messages }: Record<string, unknown>): number[] {
  if (typeof prompt === 'string') return idsOfText(prompt)
  const chat = messages as { role: string; content: string }[]
  const text = chat.map(({ role, content }) => `<|${role}|>\n${content}<|end|>\n`).join('')
  return idsOfText(`<s>${text}${ANSWER}`)
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
