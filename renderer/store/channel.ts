import type { Channel } from '../../engine/protocol/wire.ts'
import { shell } from './shell.ts'

export function webSocketChannel(url: string): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.onopen = () =>
      resolve({
        send: (message) => socket.send(JSON.stringify(message)),
        onMessage: (listener) =>
          socket.addEventListener('message', (event) => {
            if (typeof event.data === 'string') listener(JSON.parse(event.data))
          }),
        onClose: (listener) => socket.addEventListener('close', () => listener()),
        close: () => socket.close(),
      })
    socket.onerror = () => reject(new Error('The engine host cannot be reached.'))
  })
}

/**
 * Connects to the host of this window: over the shell's port on the desktop, over `/ws` of the page's origin in a
 * browser.
 */
export async function connectHost(): Promise<Channel> {
  const desktop = shell()
  if (desktop === undefined) {
    const url = new URL('/ws', location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    url.hash = ''
    return webSocketChannel(url.href)
  }
  return desktop.connect()
}
