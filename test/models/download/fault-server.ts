import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Random } from '../../support/random.ts'

export interface Faults {
  /** Answers every request with 200 and the whole file. */
  noRange?: boolean
  /** Sends no Content-Length. */
  noLength?: boolean
  etag?: string | null
  /** Called before every answer; returns `true` if it has answered itself. */
  before?: (request: IncomingMessage, response: ServerResponse, n: number) => boolean | void
  /** Changes the bytes of the n-th answer that carries data. */
  alter?: (bytes: Buffer, n: number) => Buffer
  /** Bytes per second of one connection. */
  rate?: number
  headers?: Record<string, string>
}

export interface FaultServer {
  url: string
  origin: string
  content: Buffer
  sha256: string
  faults: Faults
  requests: IncomingMessage[]
  close(): Promise<void>
}

export const bytesOf = (size: number, seed = 1): Buffer => {
  const random = new Random(seed)
  return Buffer.from(Uint8Array.from({ length: size }, () => random.int(256)))
}
export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Serves one file at any path, with faults that may be changed while it runs. */
export async function faultServer(
  content: Buffer,
  faults: Faults = {},
  port = 0,
): Promise<FaultServer> {
  let answers = 0
  let data = 0
  const self: FaultServer = {
    url: '',
    origin: '',
    content,
    sha256: sha256(content),
    faults,
    requests: [],
    close: () => Promise.resolve(),
  }
  const server = createServer((request, response) => {
    self.requests.push(request)
    if (self.faults.before?.(request, response, answers++) === true) return
    const { faults: f, content: file } = self
    if (f.etag !== null) response.setHeader('etag', f.etag ?? '"v1"')
    for (const [name, value] of Object.entries(f.headers ?? {})) response.setHeader(name, value)
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const matches =
      request.headers['if-range'] === undefined ||
      request.headers['if-range'] === (f.etag ?? '"v1"')
    let body = file
    if (range && f.noRange !== true && matches) {
      const [start, end] = [Number(range[1]), Math.min(Number(range[2]), file.length - 1)]
      if (start >= file.length) {
        response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
        return
      }
      body = file.subarray(start, end + 1)
      response.statusCode = 206
      response.setHeader('content-range', `bytes ${start}-${end}/${file.length}`)
    }
    if (body.length > 1 && f.alter) body = f.alter(Buffer.from(body), data++)
    if (f.noLength !== true) response.setHeader('content-length', body.length)
    void send(response, body, f.rate)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  self.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  self.url = `${self.origin}/model.gguf`
  self.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return self
}

async function send(
  response: ServerResponse,
  body: Buffer,
  rate: number | undefined,
): Promise<void> {
  if (rate === undefined) {
    response.end(body)
    return
  }
  const step = Math.max(1, Math.floor(rate / 100))
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    response.write(body.subarray(at, at + step))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  response.end()
}
