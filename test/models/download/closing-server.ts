import { createServer, type AddressInfo, type Socket } from 'node:net'

interface Manner {
  /** Answers range requests with 206 and an ETag. */
  ranges?: boolean
  /** Default: `length`. */
  frame?: 'length' | 'close' | 'http10' | 'chunked'
  /** How the first data connections of a file end; the later ones are whole. Default: all are whole. */
  fault?: 'cut' | 'reset' | 'no-answer' | 'only-headers' | 'not-http' | 'bad-chunk'
  /** Bytes after the end of every answer. */
  more?: boolean
}
/** Ways in which a server answers and then closes its connection at once, whatever is still unread. */
export const MANNERS = {
  length: {},
  range: { ranges: true },
  none: { frame: 'close' },
  http10: { frame: 'http10' },
  chunked: { frame: 'chunked' },
  more: { ranges: true, more: true },
  'length, cut': { fault: 'cut' },
  'range, cut': { ranges: true, fault: 'cut' },
  'range, reset': { ranges: true, fault: 'reset' },
  'none, reset': { frame: 'close', fault: 'reset' },
  'chunked, cut': { frame: 'chunked', fault: 'cut' },
  'chunked, wrong size': { frame: 'chunked', fault: 'bad-chunk' },
  'no answer': { ranges: true, fault: 'no-answer' },
  'only headers': { ranges: true, fault: 'only-headers' },
  'not http': { ranges: true, fault: 'not-http' },
} as const satisfies Record<string, Manner>
export type MannerName = keyof typeof MANNERS
export const NAMES = Object.keys(MANNERS) as MannerName[]

export interface ClosingServer {
  origin: string
  /** Address of a file whose first `faults` data connections fail, if the manner has a fault. */
  url(manner: MannerName, file: number, faults?: number): string
  close(): Promise<void>
}

/** Serves one content below any path, and closes each connection after one answer. */
export async function closingServer(content: Buffer): Promise<ClosingServer> {
  const seen = new Map<string, number>()
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => undefined)
    let said = ''
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString('latin1')
      if (!said.includes('\r\n\r\n')) return
      const path = /^GET (\S+)/.exec(said)?.[1] ?? ''
      const asked = /range: bytes=(\d+)-(\d+)/i.exec(said)
      const [, name, , faults] = path.split('/')
      const manner: Manner = MANNERS[decodeURIComponent(name ?? '') as MannerName]
      said = ''
      const probe = asked?.[2] === '0'
      const n = seen.get(path) ?? 0
      if (!probe) seen.set(path, n + 1)
      answer(socket, content, asked, manner, !probe && n < Number(faults))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    url: (manner, file, faults = 2) =>
      `${origin}/${encodeURIComponent(manner)}/${file}/${faults}/m.gguf`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of open) socket.destroy()
      }),
  }
}

function answer(
  socket: Socket,
  content: Buffer,
  asked: RegExpExecArray | null,
  { ranges, frame = 'length', fault: kind, more }: Manner,
  faulty: boolean,
): void {
  const fault = faulty ? kind : undefined
  if (fault === 'no-answer') return void socket.end()
  if (fault === 'not-http') return void socket.end('NOT HTTP AT ALL\r\n\r\n')
  const ranged = ranges === true && asked !== null
  const [start, end] = ranged
    ? [Number(asked[1]), Math.min(Number(asked[2]) + 1, content.length)]
    : [0, content.length]
  const body = content.subarray(start, end)
  const head = [
    `HTTP/1.${frame === 'http10' ? 0 : 1} ${ranged ? '206 Partial Content' : '200 OK'}`,
    ...(ranged ? [`Content-Range: bytes ${start}-${end - 1}/${content.length}`, 'ETag: "x"'] : []),
    ...(frame === 'chunked' ? ['Transfer-Encoding: chunked'] : []),
    ...(frame === 'length' || frame === 'http10' ? [`Content-Length: ${body.length}`] : []),
    ...(frame === 'http10' ? [] : ['Connection: close']),
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  if (fault === 'only-headers') return void socket.end()
  const half = body.subarray(0, body.length >> 1)
  const chunk = (bytes: Buffer) =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
  const framed = (bytes: Buffer) => (frame === 'chunked' ? chunk(bytes) : bytes)
  switch (fault) {
    case 'cut':
      return void socket.end(framed(half))
    case 'bad-chunk':
      return void socket.end(Buffer.concat([framed(half), Buffer.from('zz\r\n')]))
    case 'reset':
      return void socket.write(half, () => socket.resetAndDestroy())
  }
  socket.end(
    Buffer.concat([
      framed(body),
      ...(frame === 'chunked' ? [Buffer.from('0\r\n\r\n')] : []),
      ...(more === true ? [Buffer.from('and more')] : []),
    ]),
  )
}
