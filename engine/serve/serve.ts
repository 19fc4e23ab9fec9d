import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { BraidError } from '../protocol/errors.ts'
import { parseJson } from '../protocol/json.ts'
import type { Channel } from '../protocol/wire.ts'
import { listFiles, type StaticFile } from './files.ts'
import { forwardPage } from './forward.ts'
import { Guard, LINK, newLink } from './guard.ts'

export interface ServeOptions {
  /** Folder of the built page. */
  root: string
  /** Port to listen on; 0 chooses a free port. */
  port: number
  /** Called when a window connects. */
  connect: (channel: Channel) => void
}

export interface Served {
  /** Returns a new address for a browser to open once, within a minute. */
  link(): string
  /** Signs such links. */
  key: Buffer
  port: number
  close(): Promise<void>
}

/** Maximum bytes per message: the import of a large run is one message. A string holds twice as many. */
const MAX_MESSAGE = 256 << 20
const ALIVE_MS = 30_000

/**
 * Serves the window to a browser on this machine: the page, and the protocol over a WebSocket at
 * `/ws`. Listens only on the loopback address.
 */
export async function serve({ root, port, connect }: ServeOptions): Promise<Served> {
  const files = listFiles(root)
  if (!files.has('/'))
    throw new BraidError(
      'io',
      `The page is not built: ${root} has no index.html. Run \`npm run build\`.`,
    )
  const server = createServer({ maxHeaderSize: 16 << 10, requestTimeout: 30_000 })
  await listen(server, port)
  const key = randomBytes(32)
  const guard = new Guard((server.address() as AddressInfo).port, key)
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
  })
  server.on('request', (request, response) => answer(request, response, guard, files))
  server.on('upgrade', (request, socket, head) =>
    upgrade(request, socket, head, guard, sockets, connect),
  )
  server.on('clientError', (_error, socket) => refuse(socket, 400))
  return {
    key,
    link: () => guard.origin + newLink(key),
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new BraidError('io', `Port ${port} is in use. Choose another with --port, or none.`)
          : error,
      )
    })
    server.listen({ host: '127.0.0.1', port, exclusive: true }, resolve)
  })
}

function headers(guard: Guard): Record<string, string> {
  const self = `'self'`
  const socket = guard.origin.replace('http:', 'ws:')
  return {
    'Content-Security-Policy': `default-src 'none'; script-src ${self}; style-src ${self}; connect-src ${self} ${socket}; img-src ${self} data:; font-src ${self}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=()',
    'X-Frame-Options': 'DENY',
    'Cache-Control': 'no-store',
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  guard: Guard,
  files: Map<string, StaticFile>,
): void {
  const send = (
    status: number,
    type: string,
    body: string | Buffer,
    more: Record<string, string> = {},
  ) => {
    response.writeHead(status, {
      ...headers(guard),
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      ...more,
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
  const text = (status: number, body: string, more?: Record<string, string>) =>
    send(status, 'text/plain; charset=utf-8', body + '\n', more)
  try {
    if (!guard.isAddressed(request)) return text(403, 'This request is not allowed.')
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return text(405, 'Only GET and HEAD are allowed.', { Allow: 'GET, HEAD' })
    const [path = '/'] = (request.url ?? '/').split('?')
    if (path.startsWith(LINK)) {
      // A link that is opened again in the browser that used it leads to the page, too.
      const used = request.method === 'GET' && guard.useLink(path)
      if (!used && !guard.hasCookie(request))
        return text(
          403,
          'This link was used, or is older than a minute. Run `braid serve --link` to get another one.',
        )
      // Answer with a page that reloads itself rather than a redirect: then the next request comes
      // from this site, whichever site opened this address.
      return send(
        200,
        'text/html; charset=utf-8',
        forwardPage('/'),
        used ? { 'Set-Cookie': guard.setCookie } : {},
      )
    }
    if (!guard.hasCookie(request))
      return text(
        403,
        'Open the link that Braid printed, or run `braid serve --link` to get another one.',
      )
    const file = files.get(path)
    if (file === undefined) return text(404, 'Not found.')
    send(200, file.type, file.read())
  } catch {
    if (!response.headersSent) text(500, 'The file could not be read.')
  }
}

function upgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  guard: Guard,
  sockets: WebSocketServer,
  connect: ServeOptions['connect'],
): void {
  socket.on('error', () => socket.destroy())
  if (!guard.isAddressed(request) || !guard.hasOrigin(request) || !guard.hasCookie(request))
    return refuse(socket, 403)
  if (request.url !== '/ws') return refuse(socket, 404)
  sockets.handleUpgrade(request, socket, head, (webSocket) => connect(socketChannel(webSocket)))
}

function refuse(socket: Duplex, status: 400 | 403 | 404): void {
  const reason = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found' }[status]
  if (socket.writable)
    socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  else socket.destroy()
}

function socketChannel(socket: WebSocket): Channel {
  let alive = true
  const timer = setInterval(() => {
    if (!alive) socket.terminate()
    alive = false
    socket.ping()
  }, ALIVE_MS)
  timer.unref()
  socket.on('pong', () => (alive = true))
  socket.on('close', () => clearInterval(timer))
  socket.on('error', () => socket.terminate())
  return {
    send: (message) => {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
    },
    onMessage: (listener) =>
      void socket.on('message', (data, binary) =>
        listener(binary ? undefined : parse(String(data))),
      ),
    onClose: (listener) => void socket.once('close', listener),
    close: () => socket.close(),
  }
}

/** Returns the message; of a text that is none, only the number that an answer needs. */
function parse(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return { id: Number(/^\s*\{\s*"id"\s*:\s*(\d{1,15})\b/.exec(text)?.[1] ?? -1) }
  }
}
