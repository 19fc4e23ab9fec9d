import type { ServerResponse } from 'node:http'
import { errorBody, type ApiError } from './errors.ts'

/** A client that leaves this many bytes unread is dropped. */
const MAX_UNREAD = 1 << 20
/** Proxies and clients end a connection on which nothing comes. */
const SIGN_OF_LIFE_MS = 10_000

/** What is written to a client. Writing to one that has left does nothing. */
export class Output {
  readonly #response: ServerResponse
  #timer: NodeJS.Timeout | undefined

  constructor(response: ServerResponse) {
    this.#response = response
    response.on('close', () => clearInterval(this.#timer))
  }

  /** The status was sent. */
  get begun(): boolean {
    return this.#response.headersSent
  }

  /** Begins a stream of events once there is one, and keeps the connection open meanwhile. */
  stream(): void {
    this.#timer = setInterval(() => this.#write(': waiting\n\n'), SIGN_OF_LIFE_MS)
  }

  /** Sends an event of a stream. */
  event(data: string): void {
    this.#write(`data: ${data}\n\n`)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#response.end()
  }

  json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.text(status, JSON.stringify(body) + '\n', {
      'Content-Type': 'application/json',
      ...headers,
    })
  }

  text(status: number, body: string, headers: Readonly<Record<string, string>>): void {
    clearInterval(this.#timer)
    const response = this.#response
    if (response.headersSent || response.destroyed) return
    response.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...headers })
    response.end(response.req.method === 'HEAD' ? undefined : body)
  }

  error(error: ApiError): void {
    this.json(error.status, errorBody(error), error.headers)
  }

  #write(text: string): void {
    const response = this.#response
    if (response.destroyed || response.writableEnded) return
    if (!response.headersSent)
      response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'X-Accel-Buffering': 'no',
      })
    response.write(text)
    if (response.writableLength > MAX_UNREAD) response.destroy()
  }
}
