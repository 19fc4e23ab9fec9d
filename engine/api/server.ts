import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client } from '../protocol/client.ts'
import { BraidError } from '../protocol/errors.ts'
import { RunId, type Channel } from '../protocol/wire.ts'
import { ChatBody, CompletionBody, chatAsk, checked, completionAsk, type Asked } from './ask.ts'
import { readBody } from './body.ts'
import { Choice } from './choice.ts'
import { ApiError, toApiError } from './errors.ts'
import { Guard, isLoopback, spelled } from './guard.ts'
import { ModelNames } from './models.ts'
import { wayOf, type Way } from './names.ts'
import { Output } from './output.ts'
import { StreamedReply, WholeReply, type ReplyOptions } from './reply.ts'
import { runReport, usageOf } from './report.ts'
import { respond } from './respond.ts'
import { notFound, Runs } from './runs.ts'
import { Turns } from './turns.ts'

/** Runs of requests that may wait for their turn. */
const MAX_WAITING = 256
const MAX_CONNECTIONS = 1024

export interface ApiOptions {
  /** The engine host's end of this channel serves the requests. */
  channel: Channel
  /** 0 chooses a free port. */
  port: number
  /** Address to listen on. */
  host: string
  /** Further names by which clients reach it. */
  names: readonly string[]
  /** Origins whose pages may use it. */
  origins: readonly string[]
  /** null: clients need none, which is refused for an address that other machines reach. */
  key: string | null
  /** Runs at once. */
  jobs: number
}

export interface Api {
  /** What clients take for a base URL. */
  url: string
  close(): Promise<void>
}

/** Serves Braid's models to clients of OpenAI's API. Errors: `io` if it cannot listen, `bad-request`. */
export async function serveApi(options: ApiOptions): Promise<Api> {
  const { channel, host, key } = options
  if (key === null && !isLoopback(host))
    throw new BraidError(
      'bad-request',
      `An API on ${host} needs a key, since other machines reach it.`,
    )
  const server = createServer({
    maxHeaderSize: 16 << 10,
    headersTimeout: 15_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 30_000,
    keepAlive: true,
  })
  server.maxConnections = MAX_CONNECTIONS
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  const handler = new Handler(options, port)
  server.on('request', (request, response) => void handler.answer(request, response))
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    else socket.destroy()
  })
  return {
    url: `http://${spelled(host)}:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          channel.close()
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, { host, port }: ApiOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message =
        error.code === 'EADDRINUSE'
          ? `Port ${port} is in use by another program. Choose another one for the API.`
          : `The API cannot listen on ${host}: ${error.message}`
      reject(new BraidError('io', message))
    })
    server.listen({ host, port, exclusive: true }, resolve)
  })
}

/** Where a request goes. */
interface Route {
  /** The way that the address names before the rest, as in `/v1/parallel-8/models`. */
  way: Way | undefined
  path: string
  query: URLSearchParams
}

const SAFE_HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
const FORMATS = ['md', 'json', 'html'] as const

class Handler {
  readonly #guard: Guard
  readonly #client: Client
  readonly #models: ModelNames
  readonly #runs: Runs
  readonly #turns: Turns

  constructor({ channel, host, names, origins, key, jobs }: ApiOptions, port: number) {
    this.#guard = new Guard({ host, port, names, origins, key })
    this.#client = new Client(channel)
    this.#models = new ModelNames(this.#client)
    this.#runs = new Runs(this.#client)
    this.#turns = new Turns(jobs, MAX_WAITING)
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const output = new Output(response)
    response.on('error', () => response.destroy())
    try {
      for (const [name, value] of Object.entries({
        ...SAFE_HEADERS,
        ...this.#guard.corsOf(request),
      }))
        response.setHeader(name, value)
      this.#guard.checkOrigin(request)
      if (request.method === 'OPTIONS') return preflight(request, output)
      this.#guard.checkKey(request)
      await this.#route(request, response, output)
    } catch (error) {
      output.error(toApiError(error))
    } finally {
      request.resume() // A body that was not read would keep the connection from its next request.
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, output: Output): Promise<void> {
    const route = routeOf(request.url ?? '/')
    const [, kind, id, more] = /^\/(models|runs)(?:\/(.+?))?(\/export)?$/.exec(route.path) ?? []
    if (route.path === '/chat/completions' || route.path === '/completions') {
      if (request.method !== 'POST') throw notAllowed('POST')
      return this.#complete(route, request, response, output)
    }
    if (kind === undefined || (kind === 'runs' && id === undefined)) throw unknown(route.path)
    if (request.method !== 'GET' && request.method !== 'HEAD') throw notAllowed('GET')
    if (kind === 'runs')
      return more === undefined ? this.#run(id!, output) : this.#export(id!, route, output)
    const data = await this.#models.objects()
    if (id === undefined) return output.json(200, { object: 'list', data })
    const { name } = await this.#models.find(decoded(id))
    output.json(200, { ...data.find((one) => one.id === name), id: decoded(id) })
  }

  async #complete(
    { way, path }: Route,
    request: IncomingMessage,
    response: ServerResponse,
    output: Output,
  ): Promise<void> {
    const left = new AbortController()
    response.on('close', () => left.abort(new ApiError(499, 'The client has left.')))
    const given = await readBody(request)
    const chat = path === '/chat/completions'
    const body = chat ? checked(ChatBody, given) : checked(CompletionBody, given)
    const model = await this.#models.find(body.model)
    const asked: Asked = {
      model,
      info: await this.#models.info(model.file),
      way,
      client: clientOf(request),
    }
    const ask = 'messages' in body ? chatAsk(body, asked) : completionAsk(body, asked)
    const options: ReplyOptions = {
      form: chat ? 'chat' : 'completion',
      id: `${chat ? 'chatcmpl' : 'cmpl'}-${crypto.randomUUID().replaceAll('-', '')}`,
      model: ask.model,
      choices: ask.runs.length,
      includeUsage: ask.includeUsage,
      output,
    }
    const who = ask.user ?? `${request.socket.remoteAddress ?? ''} ${asked.client}`
    const reply = ask.stream ? new StreamedReply(options) : new WholeReply(options)
    if (ask.stream) output.stream()
    const parts = { client: this.#client, runs: this.#runs, turns: this.#turns }
    await respond(ask, reply, parts, { who, left: left.signal })
  }

  async #run(id: string, output: Output): Promise<void> {
    const run = runId(id)
    const state = await this.#runs.stored(run)
    const choice = new Choice({ stops: [], raw: false })
    const { reasoning, content } = choice.end(state)
    output.json(200, {
      id: run,
      object: 'run',
      created: Math.floor(Date.parse(state.time) / 1000),
      status: state.status,
      client: state.client,
      problem: state.problem,
      reasoning,
      content,
      usage: usageOf([{ state, answer: choice.tokens, counts: true }]),
      ...runReport(run, state),
    })
  }

  async #export(id: string, { query }: Route, output: Output): Promise<void> {
    const run = runId(id)
    const format = FORMATS.find((one) => one === (query.get('format') ?? 'json'))
    if (format === undefined)
      throw new ApiError(400, `The format must be one of ${FORMATS.join(', ')}.`, {
        param: 'format',
      })
    await this.#runs.stored(run)
    const { content, mimeType, fileName } = await this.#client.call('runs.export', {
      runs: [run],
      format,
    })
    output.text(200, content, {
      'Content-Type': mimeType,
      'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(fileName)}`,
    })
  }
}

function routeOf(url: string): Route {
  const [path = '/', query = ''] = url.split('?')
  if (!path.startsWith('/v1/')) throw unknown(path)
  const rest = path.slice('/v1'.length).replace(/\/$/, '')
  const first = /^\/([^/]+)(?=\/)/.exec(rest)?.[1]
  const way = first === undefined ? undefined : wayOf(first, 'url')
  return {
    way,
    path: way === undefined ? rest : rest.slice(first!.length + 1),
    query: new URLSearchParams(query),
  }
}

/** Answers a browser that asks whether a page of an allowed origin may send its request. */
function preflight({ headers }: IncomingMessage, output: Output): void {
  if (headers.origin === undefined) throw notAllowed('GET, POST')
  output.text(204, '', {
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': 'authorization, content-type',
    'Access-Control-Max-Age': '600',
  })
}

/** Returns the name that a client gives itself: the first word of its User-Agent. */
function clientOf({ headers }: IncomingMessage): string {
  const [name = ''] = (headers['user-agent'] ?? '').split(' ')
  return name.replace(/[^\w./+-]/g, '').slice(0, 64) || 'API'
}

function runId(text: string): string {
  const { success, data } = RunId.safeParse(text)
  if (!success) throw notFound(text.slice(0, 64))
  return data
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw unknown(text)
  }
}

const unknown = (path: string) => new ApiError(404, `There is nothing at ${path.slice(0, 200)}.`)

const notAllowed = (methods: string) =>
  new ApiError(405, `Only ${methods} is allowed here.`, { headers: { Allow: methods } })
